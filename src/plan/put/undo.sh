to={{ to }}
old={{ old }}
fail() { printf '%s\n' "$1" >&2; exit 1; }
@SUM@
[ ! -L "$to" ] || fail "$to is a link now: it was changed since"
now=absent
[ ! -e "$to" ] || now=$(sum <"$to")
{% if keeps %}[ "$now" != {{ seen }} ] || [ -e "$old" ] || exit 0
[ "$now" = {{ want }} ] || fail "$to was changed since; the old file lies at $old"
[ ! -L "$old" ] && [ "$(sum <"$old")" = {{ seen }} ] || fail "$old is not the old file"
mv -f "$old" "$to" || fail "$old cannot be moved back"
{% elif had %}[ "$now" = {{ want }} ] || fail "$to was changed since"
chown {{ was_owner }} "$to" && chmod {{ was_mode }} "$to" || fail "mode and owner of $to cannot be set back"
{% else %}[ "$now" != absent ] || exit 0
[ "$now" = {{ want }} ] || fail "$to was changed since, and is not removed"
rm -f "$to" || fail "$to cannot be removed"
{% endif %}sync {{ folder }} 2>/dev/null || sync
