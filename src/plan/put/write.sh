to={{ to }}
new={{ new }}
old={{ old }}
fail() { rm -f "$new"; printf '%s\n' "$1" >&2; exit 1; }
@SUM@
[ ! -L "$to" ] || fail "$to is a link"
now=absent
[ ! -e "$to" ] || now=$(sum <"$to")
if [ "$now" != {{ want }} ]; then
  [ "$now" = {{ seen }} ] || fail "$to is not as it was shown: its SHA-256 is $now. Look at it, and try again: the difference is shown anew"
  rm -f "$new"; umask 077
  ( set -C; {
{% for piece in pieces %}{% if escaped %}printf %b {{ piece }}{% else %}printf %s {{ piece }}{% endif %}
{% endfor %}  } >"$new" ) || fail "$new cannot be written"
  [ "$(sum <"$new")" = {{ want }} ] || fail "what was written to $new is not what was shown"
{% if owner %}  chown {{ owner }} "$new" || fail "$new cannot be given to its owner"
{% endif %}  chmod {{ mode }} "$new" || fail "the mode of $new cannot be set"
  sync "$new" 2>/dev/null || sync
{% if keeps %}  [ -e "$old" ] || ln "$to" "$old" 2>/dev/null || cp -p "$to" "$old" || fail "the old file cannot be kept as $old"
  [ ! -L "$old" ] && [ "$(sum <"$old")" = {{ seen }} ] || fail "$old is not the old file"
{% endif %}  mv -f "$new" "$to" || fail "$new cannot be moved to $to"
  sync {{ folder }} 2>/dev/null || sync
else
{% if owner %}  chown {{ owner }} "$to" || fail "$to cannot be given to its owner"
{% endif %}  chmod {{ mode }} "$to" || fail "the mode of $to cannot be set"
fi
