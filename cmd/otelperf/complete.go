package main

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/otelperf/otelperf-go/internal/rules"
)

// The scripts ask the hidden command __complete for what can follow the words
// up to the cursor. The library's own offer no files, or need a package that a
// shell may not have.
//
//go:embed completion
var scripts embed.FS

// shells are those that there is a script for.
var shells = []string{"bash", "zsh", "fish"}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "write the completion script of a shell",
		ArgsUsage: strings.Join(shells, "|"),
		Description: "completion writes a script that has a shell complete commands, options, their\n" +
			"values and the names of files.\n\n" +
			"  source <(otelperf completion bash)       # in ~/.bashrc\n" +
			"  source <(otelperf completion zsh)        # in ~/.zshrc, after compinit\n" +
			"  otelperf completion fish > ~/.config/fish/completions/otelperf.fish",
		Action: func(_ context.Context, c *cli.Command) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells, shell) {
				return usagef(c, "completion needs the name of one shell: %s", strings.Join(shells, ", "))
			}
			script, err := scripts.ReadFile("completion/otelperf." + shell)
			if err != nil {
				return fmt.Errorf("otelperf: %w", err)
			}
			_, err = c.Root().Writer.Write(script)
			return err
		},
	}
}

// candidatesCommand answers the scripts, a line for each candidate: it, a tab,
// and what it means. No line: a file, or something that nobody can guess.
func candidatesCommand() *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, HideHelp: true, SkipFlagParsing: true,
		Action: func(_ context.Context, c *cli.Command) error {
			for _, found := range candidates(c.Root(), c.Args().Slice()) {
				if _, err := fmt.Fprintf(c.Root().Writer, "%s\t%s\n", found.word, found.means); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

type candidate struct{ word, means string }

// candidates are the words that can stand in place of the last of words.
func candidates(root *cli.Command, words []string) []candidate {
	last := len(words) - 1
	if last < 0 {
		words, last = []string{""}, 0
	}
	current := words[last]
	if last == 0 {
		if strings.HasPrefix(current, "-") {
			return options(root, current)
		}
		return commands(root, current)
	}
	command := root.Command(words[0])
	switch {
	case command == nil || slices.Contains(words[1:last], "--"):
		return nil
	case takesValue(command, words[last-1]):
		return values(words[last-1], "", current)
	case strings.HasPrefix(current, "--") && strings.Contains(current, "="):
		option, begun, _ := strings.Cut(current, "=")
		return values(option, option+"=", begun)
	case strings.HasPrefix(current, "-"):
		return options(command, current)
	case command.Name == "completion" && last == 1:
		return matching(shells, "", current)
	case command.Name == "help" && last == 1:
		return commands(root, current)
	}
	return nil
}

func commands(root *cli.Command, begun string) (all []candidate) {
	for _, c := range root.Commands {
		if !c.Hidden && strings.HasPrefix(c.Name, begun) {
			all = append(all, candidate{c.Name, c.Usage})
		}
	}
	return all
}

func options(c *cli.Command, begun string) (all []candidate) {
	for _, f := range documented(c) {
		if option := "--" + f.Names()[0]; strings.HasPrefix(option, begun) {
			_, means := placeholder(f)
			means, _, _ = strings.Cut(means, ": ") // the gist of it
			means, _, _ = strings.Cut(means, "; ")
			all = append(all, candidate{option, means})
		}
	}
	return all
}

func takesValue(c *cli.Command, word string) bool {
	for _, f := range documented(c) {
		if word == "--"+f.Names()[0] {
			return f.TakesValue()
		}
	}
	return false
}

// values are those of an option that has a few.
func values(option, prefix, begun string) []candidate {
	if option != "--"+strategy.Name {
		return nil
	}
	var all []string
	for _, s := range rules.Strategies() {
		all = append(all, string(s))
	}
	return matching(all, prefix, begun)
}

func matching(words []string, prefix, begun string) (all []candidate) {
	for _, w := range words {
		if strings.HasPrefix(w, begun) {
			all = append(all, candidate{word: prefix + w})
		}
	}
	return all
}
