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
)

// wsaConnectionRefused is how Windows says that a connection was refused.
const wsaConnectionRefused = syscall.Errno(10061)

// faultOf names the error of a client's request. What the caller did comes
// first: a dial that ended because the caller's context did is not a timeout of
// the network. (The reverse cannot be told by errors.Is, because net/http's own
// timeouts claim to be context.DeadlineExceeded.)
func faultOf(ctx context.Context, err error) fault {
	if f := ofContext(ctx); f != faultNone {
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return faultCanceled
	case isDNS(err):
		return faultDNS
	case isTimeout(err):
		return faultTimeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaConnectionRefused):
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
