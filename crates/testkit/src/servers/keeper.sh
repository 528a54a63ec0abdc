# Waits for a test runner to end; then stops its server and removes the server's folder.
# Arguments: the runner's pid (0: nobody's, end it now) and start, the server's folder.
# The server is known by the first line of its pid file, and is killed only while it works in that folder.
trap '' HUP INT

started() {
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    set -- ${stat##*)}
    case $1 in Z | X | x) return 1 ;; esac
    shift 19
    echo "$1"
}

serves() {
    [ "$(readlink "/proc/$1/cwd" 2>/dev/null)" = "$folder/data" ] && started "$1" >/dev/null
}

runner=$1 start=$2 folder=$3
while [ "$(started "$runner")" = "$start" ]; do
    sleep 0.5
done

server=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null)
if [ -n "$server" ] && serves "$server"; then
    kill -QUIT "$server"
    tries=0
    while serves "$server" && [ $tries -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    serves "$server" && kill -KILL "$server"
fi
rm -rf "$folder"
if [ "$runner" != 0 ]; then
    rm -f "$folder.lock"
    rmdir "$(dirname "$folder")" 2>/dev/null
fi
exit 0
