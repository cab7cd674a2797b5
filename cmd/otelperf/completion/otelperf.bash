# Completion of otelperf for bash: source <(otelperf completion bash)
_otelperf() {
  local line=${COMP_LINE:0:COMP_POINT} cur reply rest
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur=${words[${#words[@]}-1]}
  COMPREPLY=()
  while IFS=$'\t' read -r reply rest; do
    # What is behind a "=" is a word of its own.
    [[ $cur == *=* && $COMP_WORDBREAKS == *=* ]] && reply=${reply#*=}
    COMPREPLY+=("$reply")
  done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}
# Where otelperf has nothing to offer, a file is meant.
complete -o bashdefault -o default -F _otelperf otelperf
