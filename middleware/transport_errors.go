package middleware

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// errRefusedOnWindows is how Windows says that a connection was refused.
const errRefusedOnWindows = syscall.Errno(10061)

// faultOf names the error of a client's request. What the caller did comes
// first: a dial that ended because the caller's context did is not a timeout of
// the network. (The reverse cannot be told by errors.Is, because net/http's own
// timeouts claim to be context.DeadlineExceeded.)
func faultOf(req *http.Request, err error) fault {
	if f := ofContext(req.Context()); f != faultNone {
		return f
	}
	if f := ofCancel(req); f != faultNone {
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return faultCanceled
	case isDNS(err):
		return faultDNS
	case isTimeout(err):
		return faultTimeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, errRefusedOnWindows):
		return faultRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return faultReset
	case isTLS(err):
		return faultTLS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultEOF
	}
	return faultOther
}

// ofCancel looks at the older way to cancel a request, which http.Client takes
// for its Timeout besides the context's deadline when its transport is not
// net/http's own. Either may be noticed first.
func ofCancel(req *http.Request) fault {
	select {
	case <-req.Cancel: //nolint:staticcheck // http.Client uses it
	default:
		return faultNone
	}
	if deadline, ok := req.Context().Deadline(); ok && !time.Now().Before(deadline) {
		return faultDeadline
	}
	return faultCanceled
}

func isDNS(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

func isTLS(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		op           *net.OpError
	)
	if errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid) {
		return true
	}
	// An alert of crypto/tls, sent or received, has no type of its own.
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}
