package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"
)

// width is how long a line of a help text may be.
const width = 80

// A shown is a flag with all that help texts and completion say of it.
type shown interface {
	cli.Flag
	cli.DocGenerationFlag
}

// documented are the flags of a command, and those that every one has.
func documented(c *cli.Command) []shown {
	var all []shown
	for _, f := range c.Flags {
		if d, ok := f.(shown); ok {
			all = append(all, d)
		}
	}
	extra := []*cli.BoolFlag{{Name: "help", Aliases: []string{"h"}, Usage: "show this help"}}
	if c.Version != "" {
		extra = append(extra, &cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"})
	}
	for _, f := range extra {
		// The library adds its own once the command runs.
		if len(all) == 0 || !hasName(all, f.Name) {
			all = append(all, f)
		}
	}
	return all
}

func hasName(all []shown, name string) bool {
	for _, f := range all {
		if f.Names()[0] == name {
			return true
		}
	}
	return false
}

// placeholder takes a flag's usage apart: what its value is called, which
// stands in backquotes, and what it means.
func placeholder(f shown) (value, means string) {
	means = f.GetUsage()
	if before, rest, ok := strings.Cut(means, "`"); ok {
		if name, after, ok := strings.Cut(rest, "`"); ok {
			return name, strings.TrimSpace(before + after)
		}
	}
	return "", means
}

// helpText is a command's help, as a template of the library that has nothing
// to fill in.
func helpText(name string, c *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", fold(name+" - "+c.Usage, "", width))
	fmt.Fprintf(&b, "USAGE:\n  %s\n\n%s\n", strings.TrimSpace(usageLine(name, c)), c.Description)
	var rows [][2]string
	for _, sub := range c.Commands {
		if !sub.Hidden {
			rows = append(rows, [2]string{sub.Name, sub.Usage})
		}
	}
	if len(rows) > 0 {
		b.WriteString("\nCOMMANDS:\n")
		for _, r := range rows {
			fmt.Fprintf(&b, "  %-11s %s\n", r[0], r[1])
		}
	}
	b.WriteString("\nOPTIONS:\n")
	for _, f := range documented(c) {
		value, means := placeholder(f)
		option := "--" + f.Names()[0]
		for _, short := range f.Names()[1:] {
			option += ", -" + short
		}
		if f.TakesValue() {
			option += " " + value
			if by := defaultOf(f); by != "" {
				means += " (default: " + by + ")"
			}
		}
		fmt.Fprintf(&b, "  %s\n      %s\n", option, fold(means, "      ", width))
	}
	return b.String()
}

// defaultOf is what an option is without being said, which the library knows
// only once the command runs.
func defaultOf(f shown) string {
	switch f := f.(type) {
	case *cli.StringFlag:
		return f.Value
	case *cli.StringSliceFlag:
		return strings.Join(f.Value, ", ")
	}
	return f.GetDefaultText()
}

func usageLine(name string, c *cli.Command) string {
	if len(c.Commands) > 0 {
		return name + " COMMAND [OPTION]… [FILE]…"
	}
	return name + " [OPTION]… " + c.ArgsUsage
}

// fold breaks text into lines that begin with the indent.
func fold(text, indent string, width int) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:        "help",
		Usage:       "show the help of a command",
		ArgsUsage:   "[COMMAND]",
		Description: "help COMMAND shows what COMMAND --help does.",
		Action: func(ctx context.Context, c *cli.Command) error {
			root := c.Root()
			switch name := c.Args().First(); {
			case c.NArg() > 1:
				return usagef(c, "help takes one command")
			case name == "":
				return cli.ShowRootCommandHelp(root)
			case root.Command(name) == nil:
				return unknownCommand(root, name)
			default:
				return cli.ShowCommandHelp(ctx, root, name)
			}
		},
	}
}
