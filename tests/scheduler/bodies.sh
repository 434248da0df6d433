# A test step as a process: exit code, its output on stdout; then the step's arguments.
printf '%s\n' "$2"
exit "$1"
