//go:build bare

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// run reads the corpus, then serves until ctx is done, as the other one does,
// without anything that measures it.
func (d *demo) run(ctx context.Context) (err error) {
	if d.drive > 0 || d.config != "" {
		return errors.New("built with the tag bare this takes neither -drive nor -config")
	}
	listener, err := net.Listen("tcp", d.addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, where there was one
	x, _, err := d.load(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	log := slog.New(slog.NewTextHandler(d.stderr, nil))
	api := newAPI(&service{index: x, search: find(x, d.slow), add: x.Add}, d.slow, log)
	server := newServer(api, d.slow, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	d.say("serving on http://%s until interrupted", listener.Addr())
	select {
	case err = <-served:
	case <-ctx.Done():
		d.say("shutting down")
	}
	return errors.Join(err, bounded(ctx, server.Shutdown))
}
