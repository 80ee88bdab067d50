@BOOT@
fail() { printf '%s\n' "$1" >&2; exit 1; }
[ "$(boot)" = {{ was }} ] || { echo "it has been restarted since it was looked at, and is not restarted again"; exit 0; }
[ "$(id -u)" = 0 ] || fail "only root restarts a host: write become: root"
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then set -- systemctl reboot
elif command -v reboot >/dev/null 2>&1; then set -- reboot
elif command -v shutdown >/dev/null 2>&1; then set -- shutdown -r now
else fail "there is none of systemctl, reboot and shutdown on this host"; fi
sync
( trap '' HUP; sleep {{ delay }}; exec "$@" ) </dev/null >/dev/null 2>&1 &
echo "in {{ delay }} s: $*"
