#compdef otelperf
# Completion of otelperf for zsh: source <(otelperf completion zsh)
_otelperf() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  # Where otelperf has nothing to offer, a file is meant.
  if (( $#found )); then
    _describe -t otelperf otelperf found
  else
    _files
  fi
}
# The same text is a file of fpath.
if [[ ${funcstack[1]} == _otelperf ]]; then
  _otelperf "$@"
else
  compdef _otelperf otelperf
fi
