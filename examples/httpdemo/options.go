package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	defaultAddr    = "127.0.0.1:8080"
	defaultClients = 4
	maxClients     = 256
	maxSlow        = time.Minute
	maxDrive       = 24 * time.Hour
)

// options are the command line.
type options struct {
	addr    string
	corpus  string
	config  string
	drive   time.Duration
	clients int
	slow    time.Duration
}

const usage = `httpdemo serves a search over the documentation of Go's standard library, and
watches itself: its operations, its HTTP requests, its memory and its CPU time
are held against the baselines of its configuration.

usage: httpdemo [flags]

  -addr HOST:PORT      listen there (` + defaultAddr + `; with -drive any free port)
  -corpus DIR          index the text, Markdown and Go files below DIR instead
  -config FILE         use this TOML file instead of the built-in httpdemo.toml
  -drive DURATION      send requests for so long, such as 15s, then print
                       what was measured and exit
  -clients N           with so many clients at once (4)
  -slow-search DURATION
                       make each search take so much longer, such as 150ms
`

// parseOptions reads the command line. The error is flag.ErrHelp where help
// was asked for.
func parseOptions(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("httpdemo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main says what is wrong, once
	flags.StringVar(&o.addr, "addr", defaultAddr, "")
	flags.StringVar(&o.corpus, "corpus", "", "")
	flags.StringVar(&o.config, "config", "", "")
	flags.DurationVar(&o.drive, "drive", 0, "")
	flags.IntVar(&o.clients, "clients", defaultClients, "")
	flags.DurationVar(&o.slow, "slow-search", 0, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["drive"] && !given["addr"] {
		o.addr = "127.0.0.1:0"
	}
	return o, errors.Join(o.check(given), noArguments(flags))
}

func noArguments(flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

func (o options) check(given map[string]bool) error {
	switch {
	case given["drive"] && (o.drive <= 0 || o.drive > maxDrive):
		return fmt.Errorf("-drive %v: want more than 0 and at most %v", o.drive, maxDrive)
	case o.clients < 1 || o.clients > maxClients:
		return fmt.Errorf("-clients %d: want 1 to %d", o.clients, maxClients)
	case given["clients"] && !given["drive"]:
		return errors.New("-clients has no meaning without -drive")
	case o.slow < 0 || o.slow > maxSlow:
		return fmt.Errorf("-slow-search %v: want 0 to %v", o.slow, maxSlow)
	case o.addr == "":
		return errors.New("-addr is empty")
	case given["config"] && o.config == "":
		return errors.New("-config is empty")
	case given["corpus"]:
		info, err := os.Stat(o.corpus)
		if err != nil {
			return fmt.Errorf("-corpus: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("-corpus %s is not a folder", o.corpus)
		}
	}
	return nil
}
