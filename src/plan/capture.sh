# Sends evidence along this connection and writes nothing here. Our own lines begin with a word by chance, so that no file can hold one.
{ read -r rb_n </proc/sys/kernel/random/uuid; } 2>/dev/null || rb_n=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
[ -n "$rb_n" ] || { echo 'neither /proc/sys/kernel/random/uuid nor /dev/urandom can be read' >&2; exit 1; }
printf 'runbook-evidence 1 %s\n' "$rb_n"; rb_bad=0
rb_say() { printf '%s %s\n' "$rb_n" "$*"; }
rb_end() { rb_say end "$@"; [ "$1" = 0 ] || rb_bad=1; }
rb_look() { stat -L -c '%s %Y' -- "$1" 2>/dev/null || { set -- $(ls -lnLd -- "$1" 2>/dev/null); echo "${5:-0} -"; }; }
# rb_files ARTIFACT MOST-OF-EACH MOST-OF-ALL first|last FILE…
rb_files() {
  rb_i=$1 rb_each=$2 rb_left=$3 rb_way=$4 rb_k=0; shift 4
  [ "$#" -le 256 ] || { rb_say many "$rb_i" "$#"; rb_bad=1; }
  for rb_f do
    rb_k=$((rb_k + 1)); [ "$rb_k" -le 256 ] || break
    rb_say file "$rb_i"; printf %s "$rb_f"
    if [ ! -e "$rb_f" ]; then rb_end gone; continue; fi
    if [ ! -f "$rb_f" ]; then rb_end special; continue; fi
    if [ ! -r "$rb_f" ]; then rb_end denied; continue; fi
    set -- $(rb_look "$rb_f"); rb_size=$1 rb_most=$rb_each rb_from=1
    [ "$rb_left" -ge "$rb_most" ] || rb_most=$rb_left
    [ "$rb_way" = first ] || [ "$rb_size" -le "$rb_most" ] || rb_from=$((rb_size - rb_most + 1))
    rb_say data "$rb_size" "$2" "$rb_most"
    { rb_code=$({ { tail -c "+$rb_from" -- "$rb_f"; echo "$?" >&5; } | head -c "$rb_most" >&6; } 5>&1); } 6>&1
    [ "$rb_code" != 141 ] || rb_code=0 # the reader had enough
    if [ "$rb_size" -gt "$rb_most" ]; then rb_left=$((rb_left - rb_most)); else rb_left=$((rb_left - rb_size)); fi
    set -- $(rb_look "$rb_f"); rb_end "${rb_code:-1}" "$1"
  done
}
