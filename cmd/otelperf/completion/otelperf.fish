# Completion of otelperf for fish: otelperf completion fish | source
function __otelperf_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] __complete $words[2..-1] "$current" 2>/dev/null
end
complete -c otelperf -e
complete -c otelperf -f -a '(__otelperf_complete)'
# Where otelperf has nothing to offer, a file is meant.
complete -c otelperf -n 'not __otelperf_complete | string length -q' -F
