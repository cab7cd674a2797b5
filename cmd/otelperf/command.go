package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/nearest"
	"github.com/otelperf/otelperf-go/internal/version"
)

// Exit codes.
const (
	exitOK     = 0
	exitConfig = 1 // the configuration, or what it asks for, is at fault
	exitUsage  = 2 // the command line is
)

// A usageError says what is wrong with the command line of a command.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(c *cli.Command, format string, args ...any) error {
	return &usageError{command: c.FullName(), err: fmt.Errorf(format, args...)}
}

// run is the whole program but for the process. Standard output is written at
// once, and only if all went well: a file is never half of one.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var data bytes.Buffer
	err := command(stdin, &data, stderr).Run(ctx, args)
	usage := new(usageError)
	switch {
	case errors.As(err, &usage):
		say(stderr, "otelperf: %v\nRun \"%s --help\" for what can be said.", err, usage.command)
		return exitUsage
	case err != nil:
		say(stderr, "%v", err)
		return exitConfig
	}
	if _, err := stdout.Write(data.Bytes()); err != nil {
		say(stderr, "otelperf: %v", err)
		return exitConfig
	}
	return exitOK
}

// say tells the person at the terminal. There is nobody to tell where that
// fails.
func say(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, format+"\n", args...)
}

func command(stdin io.Reader, stdout, stderr io.Writer) *cli.Command {
	root := &cli.Command{
		Name:  "otelperf",
		Usage: "check performance baselines, and turn them into rules and dashboards",
		Description: "otelperf reads the TOML files that a service starts with, see\n" +
			"https://github.com/otelperf/otelperf-go/blob/main/docs/configuration.md.\n" +
			"Of several files a later one overrides an earlier one key by key; \"-\" is\n" +
			"standard input.\n\n" +
			"Data go to standard output, everything else to standard error. The exit code is\n" +
			"0, or 1 if the configuration is at fault, a file cannot be read or the output\n" +
			"not be written, or 2 if the command line is at fault. Nothing is written to\n" +
			"standard output then.",
		Version:         version.Version,
		HideHelpCommand: true, // it has one that knows what a mistake is
		Commands: []*cli.Command{
			checkCommand(), rulesCommand(), dashboardCommand(), completionCommand(), helpCommand(), candidatesCommand(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return unknownCommand(c, c.Args().First())
			}
			return cli.ShowRootCommandHelp(c)
		},
		Reader:    stdin,
		Writer:    stdout,
		ErrWriter: stderr,
		// Errors are run's to print, once.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
	}
	root.CustomRootCommandHelpTemplate = helpText(root.Name, root)
	root.OnUsageError = wrongOption
	for _, c := range root.Commands {
		c.HideHelpCommand = true // "help" is a file's name there
		c.OnUsageError = wrongOption
		c.CustomHelpTemplate = helpText(root.Name+" "+c.Name, c)
	}
	return root
}

func unknownCommand(root *cli.Command, name string) error {
	var names []string
	for _, c := range root.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	if meant := nearest.To(name, names); meant != "" {
		return usagef(root, "unknown command %q, did you mean %q?", name, meant)
	}
	return usagef(root, "unknown command %q: use %s", name, strings.Join(names, ", "))
}

// wrongOption says what the library says of an option, as a person would.
func wrongOption(_ context.Context, c *cli.Command, err error, _ bool) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usagef(c, "%s", strings.NewReplacer("for flag -", "for --", "flag needs an argument: ", "a value is missing after ").Replace(err.Error()))
	}
	var names []string
	for _, f := range documented(c) {
		names = append(names, f.Names()[0])
	}
	if meant := nearest.To(name, names); meant != "" {
		return usagef(c, "unknown option \"--%s\", did you mean \"--%s\"?", name, meant)
	}
	return usagef(c, "unknown option \"--%s\"", strings.TrimLeft(name, "-"))
}

var environment = &cli.BoolFlag{
	Name:  "env",
	Usage: "apply the OTEL_* variables of the environment as a start would",
}

// load reads the files that the command line names, as a start does.
func load(c *cli.Command) (*config.Config, error) {
	if !c.Args().Present() {
		return nil, usagef(c, "%s needs at least one configuration file", c.Name)
	}
	var sources []config.Source
	taken := false
	for _, path := range c.Args().Slice() {
		if path != "-" {
			sources = append(sources, config.File(path))
			continue
		}
		if taken {
			return nil, usagef(c, "standard input can be read once only: say - once")
		}
		taken = true
		// One byte more tells that it is too large.
		text, err := io.ReadAll(io.LimitReader(c.Root().Reader, config.MaxFileSize+1))
		if err != nil {
			return nil, fmt.Errorf("otelperf: standard input: %w", err)
		}
		sources = append(sources, config.Source{Name: "standard input", Data: text})
	}
	loaded, err := config.LoadSources(sources...)
	if err != nil {
		return nil, err
	}
	if c.Bool(environment.Name) {
		if err := loaded.ApplyEnv(os.LookupEnv); err != nil {
			say(c.Root().ErrWriter, "warning: %v", err)
		}
		if err := loaded.Validate(); err != nil {
			return nil, err
		}
	}
	return loaded, nil
}

const filesUsage = "FILE…"
