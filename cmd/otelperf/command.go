package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/otelperf/otelperf-go/internal/config"
	"github.com/otelperf/otelperf-go/internal/version"
)

// Exit codes.
const (
	exitOK     = 0
	exitConfig = 1 // the configuration, or what it asks for, is at fault
	exitUsage  = 2 // the command line is
)

// errUsage marks what is wrong with the command line itself.
var errUsage = errors.New("usage")

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w%w", fmt.Errorf(format, args...), silent{errUsage})
}

// silent adds nothing to the text of an error that wraps it.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// run is the whole program but for the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(stdout, stderr).Run(ctx, args)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		say(stderr, "otelperf: %v\nRun \"otelperf --help\" for what can be said.", err)
		return exitUsage
	default:
		say(stderr, "%v", err)
		return exitConfig
	}
}

// say tells the person at the terminal. There is nobody to tell where that
// fails.
func say(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, format+"\n", args...)
}

func command(stdout, stderr io.Writer) *cli.Command {
	root := &cli.Command{
		Name:  "otelperf",
		Usage: "check performance baselines, and turn them into rules and dashboards",
		Description: "otelperf reads the TOML files that a service starts with, see\n" +
			"https://github.com/otelperf/otelperf-go/blob/main/docs/configuration.md.\n" +
			"Of several files a later one overrides an earlier one key by key.\n\n" +
			"Data go to standard output, everything else to standard error. The exit code is\n" +
			"0, 1 if the configuration is at fault, or 2 if the command line is.",
		Version:               version.Version,
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden = false
			c.Usage = "print the completion script for bash, zsh, fish or pwsh"
		},
		Suggest:  true,
		Commands: []*cli.Command{checkCommand(), rulesCommand(), dashboardCommand()},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usagef("unknown command %q: use check, rules, dashboard or completion", c.Args().First())
			}
			return cli.ShowRootCommandHelp(c)
		},
		Writer:    stdout,
		ErrWriter: stderr,
		// Errors are run's to print, once.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
	}
	for _, c := range append(root.Commands, root) {
		c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error { return usagef("%w", err) }
	}
	return root
}

var environment = &cli.BoolFlag{
	Name:  "env",
	Usage: "apply the OTEL_* variables of the environment as a start would",
}

// load reads the files that the command line names, as a start does.
func load(c *cli.Command) (*config.Config, error) {
	if !c.Args().Present() {
		return nil, usagef("%s needs at least one configuration file", c.Name)
	}
	loaded, err := config.Load(c.Args().Slice()...)
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
