# What doctor asks a host, all in one session: it looks, and changes nothing. Variables and lists are set before: rd_user and rd_names for each
# call of rd_become, rd_spool (empty for the default). Each answer is a line of its own that begins with the mark; all else is noise of the log-in.
rd_has() { command -v "$1" >/dev/null 2>&1; }
rd_say() { printf 'runbook-doctor %s\n' "$*"; }
rd_sums() { rd_has sha256sum || rd_has shasum || rd_has openssl || rd_say no-sum; }
rd_missing() { for rd_n in $rd_names; do rd_has "$rd_n" || rd_say missing - "$rd_n"; done; }
rd_as='for n; do command -v "$n" >/dev/null 2>&1 || printf "runbook-doctor missing %s %s\n" "$0" "$n"; done; printf "runbook-doctor became %s\n" "$0"'
rd_become() {
  rd_has sudo || { rd_say no-sudo "$rd_user"; return; }
  if rd_w=$(sudo -n -u "$rd_user" -- true 2>&1 </dev/null); then
    rd_w=$(sudo -n -u "$rd_user" -- sh -c "$rd_as" "$rd_user" $rd_names 2>&1 </dev/null)
    case $rd_w in *"runbook-doctor became $rd_user"*) printf '%s\n' "$rd_w"; return ;; esac
  fi
  rd_say refused "$rd_user" "$(printf '%s' "$rd_w" | tr '\n' ' ')"
}
rd_room() {
  rd_d=${rd_spool:-${HOME:-}/.local/state/runbook-claims}
  while [ -n "$rd_d" ] && [ ! -d "$rd_d" ]; do
    if [ -e "$rd_d" ] || [ -L "$rd_d" ]; then rd_say closed "$rd_d"; fi # a file, or a link to nothing, where a folder is to be made
    case $rd_d in */*) rd_d=${rd_d%/*} ;; *) rd_d= ;; esac
  done
  rd_d=${rd_d:-/}
  [ -w "$rd_d" ] && [ -x "$rd_d" ] || rd_say closed "$rd_d" # its own bits, or a file system that is read-only
  rd_say room "$(df -Pk "$rd_d" 2>/dev/null | tail -n 1)"
  rd_say folder "$rd_d"
}
