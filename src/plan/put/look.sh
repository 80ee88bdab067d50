to={{ to }}
fail() { printf '%s\n' "$1" >&2; exit 1; }
@SUM@
[ ! -L "$to" ] || fail "$to is a link: name the file that it leads to"
[ -d {{ folder }} ] || fail "there is no folder for $to: make it in a step before"
[ -e "$to" ] || { echo absent; exit 0; }
[ -f "$to" ] || fail "$to is no plain file"
set -f; set -- $(ls -ldn "$to")
now=$(sum <"$to") && [ -n "$now" ] || fail "$to cannot be read"
echo "file $1 $3:$4 $5 $now"
[ "$5" -gt {{ limit }} ] || cat "$to"
