@BOOT@
now=$(boot)
[ "$now" != {{ was }} ] || { echo "it has not been restarted yet: $now" >&2; exit 1; }
echo "$now"
