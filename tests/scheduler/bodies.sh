# The body of a step as a process: exit code, what it says on stdout; then the step's arguments.
printf '%s\n' "$2"
exit "$1"
