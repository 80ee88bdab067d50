# runbook direct, version 1: runs texts that change nothing, one after another, without a trace on the target. Each request sets rb_n (a
# nonce), rb_s (the text and a full stop), rb_sha (its SHA-256), rb_given (what sets the text's secrets, or nothing), rb_shell and rb_become,
# and calls rb_direct. Standard output and error are the step's own, between two lines of ours. Each process costs more than a millisecond:
# there are few. A secret is in the memory of this shell and of the step's: never exported, in no argument and in no file.
exec 3>&1 4>&2
rb_has() { command -v "$1" >/dev/null 2>&1; }
rb_refuse() { printf '\n%s refused %s\n' "$rb_n" "$*"; printf '\n%s begin\n%s end\n' "$rb_n" "$rb_n" >&2; }
if rb_has sha256sum; then rb_sum='sha256sum'
elif rb_has shasum; then rb_sum='shasum -a 256'
elif rb_has openssl; then rb_sum='openssl dgst -sha256 -r'
else rb_sum=; fi
if rb_has setsid; then rb_session=setsid; else rb_session=; fi
# The text travels through a pipe, never in an argument, and is read whole before any of it runs: a short one by the shell itself.
rb_short='rb_s=; while IFS= read -r rb_l; do rb_s=$rb_s$rb_l"
"; done; exec </dev/null; eval "unset rb_s rb_l; $rb_s$rb_l"'
rb_long='rb_s=$(cat && echo .) && exec </dev/null && eval "unset rb_s; ${rb_s%.}"'
# Says which process it is, and becomes the step.
rb_step() (
  { read -r rb_line; } </proc/self/stat 2>/dev/null; rb_pid=${rb_line%% *}; set -- ${rb_line##*) }; shift 19
  [ -n "$rb_session" ] || rb_pid=0 # nobody can prove then that all of it was ended
  echo "$rb_pid"; exec >&3 2>&4 3>&- 4>&-
  printf '\n%s begin %s %s\n' "$rb_n" "$rb_pid" "$1"; printf '\n%s begin\n' "$rb_n" >&2
  if [ "${#rb_all}" -lt 2000 ]; then rb_read=$rb_short; else rb_read=$rb_long; fi
  if [ "$rb_become" = - ]; then exec $rb_session "$rb_shell" -c "$rb_read"; fi
  exec $rb_session sudo -n -u "$rb_become" -- "$rb_shell" -c "$rb_read"
)
rb_direct() {
  rb_s=${rb_s%.}
  [ -n "$rb_sum" ] || { rb_refuse "none of sha256sum, shasum and openssl is on this host: one of them must be"; return; }
  set -- $(printf %s "$rb_s" | exec $rb_sum)
  [ "$1" = "$rb_sha" ] || { rb_refuse "the script did not arrive as it was sent: its SHA-256 is ${1:-nothing}, expected $rb_sha"; return; }
  rb_has "$rb_shell" || { rb_refuse "the shell $rb_shell is not on this host"; return; }
  if [ "$rb_become" != - ]; then
    rb_has sudo || { rb_refuse "sudo is not on this host, which is needed to become $rb_become"; return; }
    rb_line=$(sudo -n -u "$rb_become" -- true 2>&1 </dev/null 3>&- 4>&-) ||
      { rb_refuse "sudo does not let us become $rb_become: $rb_line"; return; }
  fi
  case ${rb_given:+$(command -v printf)} in
    /*) rb_refuse "the shell on this host has no printf of its own, so that a secret could be seen on a command line"; return ;;
  esac
  rb_all=$rb_given$rb_s
  # The shell says "Killed" on its own standard error: this tells a signal from `exit 137`.
  rb_end=$({ printf %s "$rb_all" | { rb_step; echo " $?"; }; } 2>&1)
  rb_given= rb_all=
  rb_pid=${rb_end%%[!0-9]*} rb_code=${rb_end##* } rb_how=exited rb_after=clean
  case $rb_code in 130 | 141) rb_how=signalled ;; esac
  if [ "$rb_code" -gt 128 ]; then case $rb_end in *[A-Za-z]*) rb_how=signalled ;; esac; fi
  # What a step leaves running could write among the next step's output: this shell is not used again then.
  if [ "$rb_become" != - ] || [ "$rb_pid" = 0 ] || kill -s 0 -- "-$rb_pid" 2>/dev/null; then rb_after=littered; fi
  printf '%s end\n' "$rb_n" >&2
  printf '%s end %s %s %s\n' "$rb_n" "$rb_how" "$rb_code" "$rb_after"
}
