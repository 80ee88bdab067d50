# runbook claim, version 1: what is sent to a target, ahead of every step that changes something. Nothing of it is installed.
# It is fed to `exec /bin/sh` within one pair of braces, so that a transmission that was cut is a syntax error and runs nothing.
# It reads requests on standard input and answers on standard output; each line of an answer begins with the request's nonce.
# A step's bytes travel as `NONCE out LENGTH` or `NONCE err LENGTH`, a newline, then that many bytes: they can imitate nothing.
rb_mask=$(umask); umask 077          # for the spool; a step gets the log-in's mask back
rb_here=; IFS=' 	
'
rb_nap() { sleep 0.1 2>/dev/null || sleep 1; }
rb_say() { printf '%s %s\n' "$rb_n" "$*"; }
rb_has() { command -v "$1" >/dev/null 2>&1; }
rb_refuse() { rb_say refused "$*"; exit 0; }
rb_elsewhere='give this host a spool: with room in the inventory'

# SHA-256 of standard input, as the first word.
if rb_has sha256sum; then rb_sum='sha256sum'
elif rb_has shasum; then rb_sum='shasum -a 256'
elif rb_has openssl; then rb_sum='openssl dgst -sha256 -r'
else rb_sum=; fi

# Replaces this process by a command in a session of its own.
if rb_has setsid; then rb_session() { exec setsid "$@"; }
elif rb_has perl; then rb_session() { exec perl -e 'use POSIX; POSIX::setsid(); exec @ARGV; exit 127' "$@"; }
elif rb_has python3; then rb_session() { exec python3 -c 'import os,sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@"; }
else rb_session() { exit 126; }; rb_sessionless=1; fi

# Sets rb_state, rb_session_of and rb_start (clock ticks since boot) of a process; fails where there is none.
rb_stat() {
  { read -r rb_line <"/proc/$1/stat"; } 2>/dev/null || return 1
  rb_pid=${rb_line%% *}; set -- ${rb_line##*) }
  rb_state=$1 rb_session_of=$4; shift 19; rb_start=$1
}
# A pid proves nothing without its start time.
rb_alive() { rb_stat "$1" && [ "$rb_start" = "$2" ] && [ "$rb_state" != Z ] && [ "$rb_state" != X ]; }
# Whether a pid has gone to another process since. A session's number is not given away while any process of it lives.
rb_foreign() { rb_stat "$1" && [ "$rb_start" != "$2" ]; }

# What lives of the session of process $1, zombies not counted, into rb_left.
rb_members() {
  rb_left=
  for rb_p in /proc/[0-9]*; do
    rb_stat "${rb_p#/proc/}" || continue
    case $rb_session_of,$rb_state in "$1,Z" | "$1,X") ;; "$1",*) rb_left="$rb_left $rb_pid" ;; esac
  done
  [ -n "$rb_left" ]
}
# Sends signal $1 to the session of $2 and to its process group, as the step's user $3, too.
rb_signal() {
  kill -s "$1" -- "-$2" $rb_left 2>/dev/null
  [ "$3" = - ] || sudo -n -u "$3" -- /bin/sh -c 'kill -s "$0" -- "$@"' "$1" "-$2" $rb_left </dev/null >/dev/null 2>&1
}
# Overwrites a file in place: its room was taken before the claim, so that a spool that has filled up does not matter.
rb_note() { printf '%-62s\n' "$2" 1<>"$1"; }
# Waits at most $2 tenths of a second until nothing of session $1 lives; fails where something does.
rb_fade() {
  rb_i=0; while rb_members "$1" && [ "$rb_i" -lt "$2" ]; do rb_nap; rb_i=$((rb_i + 1)); done
  [ -z "$rb_left" ]
}
# TERM, then after $3 tenths of a second KILL, to all of session $1 of user $2; notes in file $4 who ($5) did what.
# Leaves survivors in rb_left.
rb_slay() {
  rb_members "$1" || return 0
  rb_note "$4" "$5 TERM"; rb_signal TERM "$1" "$2"; rb_fade "$1" "$3" && return 0
  rb_note "$4" "$5 KILL"; rb_signal KILL "$1" "$2"; rb_fade "$1" 20; return 0
}

# 1. The spool is ours: no link on the way, our own, closed to others. Stays in it, so that what was checked is what is used.
rb_enter() {
  rb_want=$rb_spool
  if [ -z "$rb_want" ]; then
    cd -P "$HOME" 2>/dev/null || rb_refuse "there is no home folder; give the host a spool in the inventory"
    rb_want=${PWD%/}/.local/state/runbook-claims
  fi
  [ "$rb_here" = "$rb_want/$rb_run" ] && cd -P "$rb_here" 2>/dev/null && return
  [ "$rb_mode" = attach ] && [ ! -d "$rb_want/$rb_run" ] && rb_lost
  mkdir -p "$rb_want/$rb_run" 2>/dev/null
  for rb_d in "$rb_want" "$rb_want/$rb_run"; do
    cd -P "$rb_d" 2>/dev/null || rb_refuse "the spool $rb_d cannot be made or entered (no room, read-only, or not ours); $rb_elsewhere"
    [ "$PWD" = "$rb_d" ] || rb_refuse "a link leads to the spool $rb_d: it is $PWD; name that in the inventory"
    set -- $(ls -ldn .)
    case $1,$3 in drwx------*,"$rb_uid") continue ;; esac
    rb_refuse "the spool $rb_d is not ours alone: it is $1 of uid $3, expected drwx------ of uid $rb_uid"
  done
  sync . .. 2>/dev/null || sync; rb_here=$rb_d
}
rb_lost() { rb_say lost "this host cannot show that it was never begun: the run's mark is not in $rb_want/$rb_run"; exit 0; }
# 2. Nobody newer took over. Ours is made known first, and this is asked again after the claim.
rb_fenced() {
  [ -d "epoch.$rb_epoch" ] || mkdir "epoch.$rb_epoch" 2>/dev/null || [ -d "epoch.$rb_epoch" ] ||
    rb_refuse "nothing can be written to the spool $rb_here (no room or read-only); $rb_elsewhere"
  for rb_e in epoch.*; do [ "${rb_e#epoch.}" -le "$rb_epoch" ] || return 0; done
  return 1
}
# The end of a step: one line of fixed width, overwritten in place, so that a spool that has filled up has room for it; then synced.
rb_end() {
  read -r rb_up rb_line </proc/uptime
  printf '%-126s.\n' "$* $rb_up $rb_boot" 1<>"$rb_base.end"; sync "$rb_base.end" 2>/dev/null || sync
}
# A shell reads byte by byte: what is overwritten meanwhile begins with the blanks that stood there, and is no end yet.
rb_ended() {
  { IFS= read -r rb_line <"$rb_base.end"; } 2>/dev/null || return 1
  case $rb_line in [a-z]*.) rb_line=${rb_line%.} ;; *) return 1 ;; esac
}

# 5. The step: own session, nothing on standard input, signals, mask and folder as after a plain log-in.
rb_step() (
  trap - HUP INT QUIT TERM PIPE; rb_at=$rb_here/$rb_base
  rb_stat self && rb_note "$rb_at.pid" "$rb_pid $rb_start" || exit 126
  umask "$rb_mask"; cd "$HOME" 2>/dev/null || cd /
  exec >>"$rb_at.out" 2>>"$rb_at.err"
  if [ "$rb_become,$rb_given" = -, ]; then rb_session "$rb_shell" "$rb_at.script" </dev/null; fi
  # Another user cannot read our spool: the text goes through the descriptor, and is read whole before any of it runs. So do secrets.
  rb_read='rb_s=$(cat && echo .) && exec </dev/null && eval "unset rb_s; ${rb_s%.}"'
  [ -n "$rb_given" ] || exec <"$rb_at.script"
  if [ "$rb_become" = - ]; then rb_session "$rb_shell" -c "$rb_read"; fi
  rb_session sudo -n -u "$rb_become" -- "$rb_shell" -c "$rb_read"
)
# What the step's shell reads where it is given secrets: they are on no command line, in no file and in nobody's environment.
rb_feed() { printf %s "$rb_given"; exec cat "$rb_here/$rb_base.script"; }
# The step's process and when it began, once they are written; a line that begins with a blank is being overwritten just now.
rb_begun() {
  rb_p= rb_first=; IFS= read -r rb_line <"$rb_base.pid" || return
  case $rb_line in [0-9]*) rb_p=${rb_line%% *} rb_first=${rb_line#* } rb_first=${rb_first%% *} ;; esac
}
# Ends the step in rb_base, which may be about to begin: waits until it has said which process it is.
rb_slay_step() {
  rb_i=0 rb_left=
  while rb_begun && [ -z "$rb_p" ] && ! rb_ended && [ "$rb_i" -lt 50 ]; do rb_nap; rb_i=$((rb_i + 1)); done
  [ -z "$rb_p" ] || rb_foreign "$rb_p" "$rb_first" || rb_slay "$rb_p" "$rb_become" "$rb_grace" "$rb_base.slain" "$1"
}
# 3. The claim, in one act and never undone; then the step, its watchdog and its end. Goes on when whoever asked is gone.
rb_supervise() {
  trap '' HUP INT QUIT TERM PIPE; exec 2>/dev/null
  rb_stat self || { echo "refused there is no /proc on this host, which the claim needs"; return; }
  read -r rb_up rb_line </proc/uptime
  echo "$rb_base $rb_pid $rb_start $rb_boot $rb_up $rb_become" >"$rb_base.who"
  if ! ln "$rb_base.who" "$rb_key.claim"; then
    if [ -f "$rb_key.claim" ]; then echo taken; else echo "refused the claim cannot be written to $rb_here"; fi
    return
  fi
  if rb_fenced; then rb_end "never a newer epoch than $rb_epoch has taken this run over"; echo over; return; fi
  if [ -f "$rb_key.stop" ]; then rb_end "never it was stopped before it began"; echo over; return; fi
  sync "$rb_base.who" "$rb_base.end" . 2>/dev/null || sync
  {
    ( sleep "$rb_limit" & echo "timer $!"; wait; echo timeout ) &
    # 4. was checked before the claim. A shell says "Killed" on its own standard error: this tells a signal from `exit 137`.
    if [ -z "$rb_given" ]; then { rb_step; } 2>"$rb_base.note"; echo "ended $?"
    else rb_feed | { { rb_step; } 2>"$rb_base.note"; echo "ended $?"; }; fi
  } | while read -r rb_event rb_arg; do
    case $rb_event in
      timer) rb_timer=$rb_arg ;;
      ended) rb_code=$rb_arg ;;
      timeout) # 8. nothing of it may be left, or we say so
        rb_slay_step timeout
        [ -z "$rb_left" ] || { rb_end "left timeout$rb_left"; break; } ;;
    esac
    [ -n "${rb_code:-}" ] && [ -n "${rb_timer:-}" ] || continue
    kill "$rb_timer"; rb_how=exited
    case $rb_code in 130 | 141) rb_how=signalled ;; esac
    [ "$rb_code" -gt 128 ] && [ -s "$rb_base.note" ] && rb_how=signalled
    read -r rb_slain <"$rb_base.slain"
    rb_end "$rb_how $rb_code $rb_slain"; break # 7.
  done
  echo over
}
# 6. Hands over what the two files have gained since.
rb_flow() {
  [ -s "$rb_base.out" ] || [ -s "$rb_base.err" ] || return 0
  set -- $(wc -c "$rb_base.out" "$rb_base.err")
  [ "$1" -gt "$rb_out" ] && { rb_piece out "$rb_out" "$1"; rb_out=$1; }
  [ "$3" -gt "$rb_err" ] && { rb_piece err "$rb_err" "$3"; rb_err=$3; }
  return 0
}
rb_piece() {
  rb_say "$1" "$(($3 - $2))"
  if [ "$2" = 0 ]; then head -c "$3" "$rb_base.$1"; else tail -c "+$(($2 + 1))" "$rb_base.$1" | head -c "$(($3 - $2))"; fi
}
rb_ticks() { sleep 0.05 || sleep 1; while echo tick; do sleep 0.25 || sleep 1; done; }
# Tells what becomes of the claim in rb_base until it has ended. A supervisor that is gone without an end leaves it unknown.
rb_watch() {
  trap 'kill -KILL $$' PIPE # nobody listens any more: gives the session back, and the step goes on
  while read -r rb_event rb_why; do
    case $rb_event in
      tick) rb_say tick ;;
      taken) break ;;
      refused) rm -f "$rb_base".*; rb_say refused "$rb_why"; return ;;
    esac
    { read -r rb_line rb_super rb_born rb_was <"$rb_base.who"; } 2>/dev/null || continue
    rb_alive "$rb_super" "$rb_born"; rb_living=$?
    if rb_ended; then rb_flow; rb_say over "$rb_line"; return; fi
    [ "$rb_living" = 0 ] || break
    rb_flow
  done
  # No supervisor and no end: what that means is told by the claim, which may be another's, and by whether a step was ever begun.
  rb_mine=$rb_base
  if [ -f "$rb_key.claim" ]; then
    rb_claimed; [ "$rb_base" = "$rb_mine" ] || { rm -f "$rb_mine".*; rb_attach; return; }
  elif { read -r rb_p rb_line <"$rb_base.pid"; } 2>/dev/null && [ -z "$rb_p" ]; then
    rm -f "$rb_mine".*; rb_say refused "its claim could not be written to $rb_here, or its supervisor died before"; return
  fi
  rb_say gone "it was begun, its supervisor is dead, and no end was recorded"
}
rb_claimed() { read -r rb_base rb_super rb_born rb_was rb_up rb_become <"$rb_key.claim"; }
rb_attach() {
  [ -f "$rb_key.claim" ] || { rb_say gone "the claim has vanished"; return; }
  rb_claimed
  [ -n "$rb_become" ] || { rb_say gone "its claim cannot be read"; return; }
  if rb_ended; then rb_flow; rb_say over "$rb_line"; return; fi
  [ "$rb_was" = "$rb_boot" ] || { rb_say gone "it was begun, the host has been restarted since, and no end was recorded"; return; }
  { rb_ticks 2>/dev/null & } | rb_watch
}
# mark RUN HOST, a line with the spool: asked once, before anything can be begun here. Where the mark has lasted, all claims have.
rb_mark_request() {
  rb_run=$1 rb_mode=mark; rb_enter
  true >"reached.$2" 2>/dev/null || rb_refuse "nothing can be written to the spool $rb_here"
  sync "reached.$2" . 2>/dev/null || sync; rb_say marked
}
# What sets the step's secrets, to the line that says that all of it has arrived. A shell takes no byte beyond a line; `head` may.
rb_take() {
  case $(command -v printf) in
    /*) rb_refuse "the shell on this host has no printf of its own, so that a secret could be seen on a command line" ;;
  esac
  while IFS= read -r rb_line; do
    [ "$rb_line" != "#$rb_n" ] || return 0
    rb_given=$rb_given$rb_line"
"
  done
  rb_refuse "the step's secrets did not arrive as they were sent"
}
# start RUN HOST EPOCH KEY LENGTH SHA256 SHELL BECOME LIMIT GRACE OUT ERR MODE GIVEN, a line with the spool; where GIVEN is `secrets` the lines
# that set them, and a line `#NONCE`; then the script's bytes
rb_start_request() {
  rb_run=$1 rb_host=$2; shift
  rb_epoch=$2 rb_key=$3 rb_len=$4 rb_sha=$5 rb_shell=$6 rb_become=$7 rb_limit=$8 rb_grace=$9; shift 9
  rb_out=$1 rb_err=$2 rb_mode=$3
  [ "$4" != secrets ] || rb_take
  [ -n "$rb_sum" ] || rb_refuse "none of sha256sum, shasum and openssl is on this host: one of them must be"
  [ -z "${rb_sessionless:-}" ] || rb_refuse "none of setsid, perl and python3 is on this host: one of them must be"
  rb_has "$rb_shell" || rb_refuse "the shell $rb_shell is not on this host"
  rb_enter
  if rb_fenced; then rb_refuse "a newer epoch than $rb_epoch has taken this run over"; fi
  if [ -f "$rb_key.claim" ]; then head -c "$rb_len" >/dev/null; rb_attach; return; fi
  [ "$rb_mode" = start ] || [ -f "reached.$rb_host" ] || rb_lost
  if [ "$rb_become" != - ]; then
    rb_has sudo || rb_refuse "sudo is not on this host, which is needed to become $rb_become"
    rb_line=$(sudo -n -u "$rb_become" -- true 2>&1 </dev/null) || rb_refuse "sudo does not let us become $rb_become: $rb_line"
  fi
  rb_base=$rb_key.$rb_n
  { head -c "$rb_len" >"$rb_base.script" && printf '%-126s.\n' '' >"$rb_base.end" && rb_note "$rb_base.pid" '' &&
    rb_note "$rb_base.slain" '- -' && true >"$rb_base.out" && true >"$rb_base.err"; } 2>/dev/null && [ -s "$rb_base.end" ] ||
    rb_refuse "the spool $rb_here has no room, or cannot be written; $rb_elsewhere"
  set -- $(exec $rb_sum <"$rb_base.script")
  [ "$1" = "$rb_sha" ] || rm -f "$rb_base".*
  [ "$1" = "$rb_sha" ] || rb_refuse "the script did not arrive as it was sent: its SHA-256 is ${1:-nothing}, expected $rb_sha"
  { rb_ticks 2>/dev/null & rb_supervise </dev/null; } | rb_watch
  rb_given=
}
# slay PID START BECOME GRACE: ends a session that was started without a claim
rb_slay_request() {
  rb_left=; rb_foreign "$1" "$2" || rb_slay "$1" "$3" "$4" /dev/null stop
  rb_say slain "$rb_left"
}
# stop RUN KEY GRACE, a line with the spool. What has no claim yet finds the stop after its claim, and does not begin.
rb_stop_request() {
  rb_run=$1 rb_key=$2 rb_grace=$3 rb_mode=start rb_left=; rb_enter
  true >"$rb_key.stop" 2>/dev/null || rb_refuse "nothing can be written to the spool $rb_here"
  [ -f "$rb_key.claim" ] || { rb_say slain; return; }
  rb_claimed
  [ "$rb_was" != "$rb_boot" ] || rb_ended || rb_slay_step stop
  rb_say slain "$rb_left"
}
# forget RUN KEY, a line with the spool: the outcome is durable elsewhere; the claim and its end stay
rb_forget_request() {
  rb_run=$1 rb_key=$2 rb_mode=attach; rb_enter
  rb_claimed 2>/dev/null && rb_ended &&
    rm -f "$rb_base.out" "$rb_base.err" "$rb_base.script" "$rb_base.pid" "$rb_base.slain" "$rb_base.note"
}
rb_uid=$(id -u); rb_boot=-; { read -r rb_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
rb_say ready "$rb_boot"
while read -r rb_n rb_verb rb_args; do
  rb_spool= rb_given=; [ "$rb_verb" = slay ] || IFS= read -r rb_spool || exit 0
  set -f; set -- $rb_args; set +f
  case $rb_verb in
    start) rb_start_request "$@" ;;
    mark) rb_mark_request "$@" ;;
    slay) rb_slay_request "$@" ;;
    stop) rb_stop_request "$@" ;;
    forget) rb_forget_request "$@" ;;
  esac
done
