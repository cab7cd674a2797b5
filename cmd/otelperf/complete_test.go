package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A completion is a line to the cursor and what has to be offered there.
type completion struct {
	line string
	want []string
}

// The files are those of the test's folder, which has monitoring.toml only.
var completions = []completion{
	{"otelperf ", []string{"check", "completion", "dashboard", "help", "rules"}},
	{"otelperf ch", []string{"check"}},
	{"otelperf --v", []string{"--version"}},
	{"otelperf help ru", []string{"rules"}},
	{"otelperf completion ", []string{"bash", "fish", "zsh"}},
	{"otelperf check --", []string{"--env", "--help", "--json"}},
	{"otelperf check --json ", []string{"monitoring.toml"}},
	{"otelperf check mon", []string{"monitoring.toml"}},
	{"otelperf rules --strategy No", []string{"NoTranslation", "NoUTF8EscapingWithSuffixes"}},
	{"otelperf rules --strategy=NoT", []string{"NoTranslation"}},
	{"otelperf dashboard --strategy NoTranslation --ti", []string{"--title"}},
	{"otelperf rules --interval 10s --tests ", []string{"monitoring.toml"}},
	{"otelperf check -- --j", nil},
}

// shellFolder has the program on its PATH, and one file.
func shellFolder(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "monitoring.toml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	return dir, append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"),
		"HOME="+home, "ZDOTDIR="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "TERM=dumb")
}

// shell runs a script in a shell, or skips the test where that is not installed.
func shell(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func wantOffered(t *testing.T, line, offered string, want []string) {
	t.Helper()
	got := strings.Fields(offered)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("%q: offered are %q, want %q", line, got, want)
	}
}

// TestBashCompletion has Bash load the script and complete lines as readline
// does: words apart at "=", and files where the function finds nothing.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	dir, env := shellFolder(t)
	for _, c := range completions {
		script := fmt.Sprintf(`set -eu
source <(otelperf completion bash)
[[ $(complete -p otelperf) == "complete -o bashdefault -o default -F _otelperf otelperf" ]]
COMP_LINE=%q
COMP_POINT=${#COMP_LINE}
_otelperf otelperf
if (( ${#COMPREPLY[@]} )); then printf '%%s\n' "${COMPREPLY[@]}"; else compgen -f -- "${COMP_LINE##* }" || true; fi
`, c.line)
		wantOffered(t, c.line, shell(t, dir, env, "bash", "--norc", "-c", script), c.want)
	}
}

// TestZshCompletion has an interactive zsh load the script and list what can
// follow.
func TestZshCompletion(t *testing.T) {
	t.Parallel()
	dir, env := shellFolder(t)
	var script strings.Builder
	// A real completion of a real shell: compadd, which it ends in, is told to
	// write down what fits. Before zsh prompts, the terminal would take C-u itself and
	// drop the line with its tab.
	script.WriteString(`
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1="rea""dy> "; autoload -U compinit && compinit -u -D; source <(otelperf completion zsh)'
zpty -w z 'compadd() { local -a hits; builtin compadd -A hits "$@"; print -rl -- "${(@)hits}" >>offered; builtin compadd "$@"; }; print load""ed'
zpty -r z out '*loaded*ready> *'
`)
	for i, c := range completions {
		fmt.Fprintf(&script, `
zpty -w -n z %q$'\t'
zpty -w -n z $'\C-u'
zpty -w z 'print do""ne%d,'
zpty -r z out '*done%d,*ready> *'
cat offered 2>/dev/null
rm -f offered
print "==="
`, c.line, i, i)
	}
	offered := strings.Split(shell(t, dir, env, "zsh", "-f", "-c", script.String()), "===\n")
	for i, c := range completions {
		wantOffered(t, c.line, offered[i], c.whole())
	}
}

// TestFishCompletion asks fish, which has a command for it.
func TestFishCompletion(t *testing.T) {
	t.Parallel()
	dir, env := shellFolder(t)
	for _, c := range completions {
		offered := shell(t, dir, env, "fish", "--no-config", "-c",
			fmt.Sprintf("otelperf completion fish | source; complete -C %q | string replace -r '\\t.*' ''; true", c.line))
		wantOffered(t, c.line, offered, c.whole())
	}
}

// whole is what has to be offered by shells that take an option and its value
// for one word.
func (c completion) whole() []string {
	all := slices.Clone(c.want)
	for i, w := range all {
		if strings.Contains(c.line, "--strategy=") {
			all[i] = "--strategy=" + w
		}
	}
	return all
}
