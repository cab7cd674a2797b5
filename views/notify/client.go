package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A ClientConfig says how [NewWebhook] and [NewAlertmanager] talk to their
// servers. The zero value is ready to use. Redirects are never followed, as
// they would take the alert and what identifies us to somewhere else. There is
// no time limit but the context's; a [Dispatcher] sets one.
type ClientConfig struct {
	// TLS is used for https; nil: the system's roots and no client certificate.
	// It is cloned.
	TLS *tls.Config

	// Username and Password are sent as basic authentication if either is not
	// empty. At most one of basic and bearer may be set.
	Username, Password string

	// BearerToken is sent as it is; BearerTokenFile is read anew for each
	// request, as such files are rotated, and white space around it cut off.
	BearerToken     string
	BearerTokenFile string

	// Header is sent with each request. It is cloned.
	Header http.Header

	// Transport does the requests instead of one made from TLS. Nil: one like
	// http.DefaultTransport, which heeds the proxy variables.
	Transport http.RoundTripper
}

func (c ClientConfig) validate() error {
	var errs []error
	basic := c.Username != "" || c.Password != ""
	if basic && (c.BearerToken != "" || c.BearerTokenFile != "") || c.BearerToken != "" && c.BearerTokenFile != "" {
		errs = append(errs, errors.New("notify: more than one of basic authentication, bearer token and bearer token file is set"))
	}
	if strings.Contains(c.Username, ":") {
		errs = append(errs, errors.New("notify: a user name for basic authentication cannot contain a colon"))
	}
	if c.TLS != nil && c.Transport != nil {
		errs = append(errs, errors.New("notify: both TLS and Transport are set"))
	}
	if !printable(c.BearerToken) {
		errs = append(errs, errors.New("notify: the bearer token contains control characters"))
	}
	for k, values := range c.Header {
		if k == "" || strings.ContainsFunc(k, notInToken) {
			errs = append(errs, fmt.Errorf("notify: %q cannot be the name of a header", k))
		}
		if !slices.ContainsFunc(values, func(v string) bool { return !printable(v) }) {
			continue
		}
		errs = append(errs, fmt.Errorf("notify: the value of header %q contains control characters", k))
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// notInToken reports what RFC 9110 does not allow in a header's name.
func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// A client sends bodies to servers and tells from the answers what to do next.
type client struct {
	http   *http.Client
	config ClientConfig
}

func newClient(c ClientConfig) (*client, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.Header = c.Header.Clone()
	transport := c.Transport
	if transport == nil {
		t := &http.Transport{Proxy: http.ProxyFromEnvironment}
		if d, ok := http.DefaultTransport.(*http.Transport); ok {
			t = d.Clone()
		}
		if c.TLS != nil {
			t.TLSClientConfig = c.TLS.Clone()
		}
		transport = t
	}
	return &client{config: c, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// parseURL accepts absolute http and https addresses.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// The error quotes the address, which may hold a secret.
		return nil, errors.New("notify: the address is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("notify: the address of %q is not one of http or https", u.Redacted())
	}
	return u, nil
}

// place names a server in errors without path, query and user, where webhooks
// have their secrets.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host }

// maxAnswer is how much of an answer is read so that its connection can be
// used again, maxQuoted how much of it an error shows.
const (
	maxAnswer = 64 << 10
	maxQuoted = 200
)

// send makes one request. Its error is permanent if another one would get the
// same answer.
func (c *client) send(ctx context.Context, method string, u *url.URL, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return Permanent(fmt.Errorf("%s %s: the request cannot be made", method, place(u)))
	}
	for k, v := range c.config.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", contentType)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "otelperf-go")
	}
	if err := c.authorize(req); err != nil {
		return fmt.Errorf("%s %s: %w", method, place(u), err)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		var whole *url.Error // quotes the address
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return fmt.Errorf("%s %s: %w", method, place(u), err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // the status says it all
	return outcome(method, u, answer, text)
}

func (c *client) authorize(req *http.Request) error {
	token := c.config.BearerToken
	if c.config.BearerTokenFile != "" {
		b, err := os.ReadFile(c.config.BearerTokenFile)
		if err != nil {
			return err
		}
		token = strings.TrimSpace(string(b))
		if !printable(token) {
			return errors.New("the bearer token file contains control characters")
		}
	}
	switch {
	case token != "":
		req.Header.Set("Authorization", "Bearer "+token)
	case c.config.Username != "" || c.config.Password != "":
		req.SetBasicAuth(c.config.Username, c.config.Password)
	}
	return nil
}

// outcome turns an answer into an error, or none.
func outcome(method string, u *url.URL, answer *http.Response, text []byte) error {
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("%s %s: %d %s", method, place(u), code, http.StatusText(code))
	if quoted := strings.TrimSpace(string(text[:min(len(text), maxQuoted)])); quoted != "" {
		err = fmt.Errorf("%w: %q", err, strings.ToValidUTF8(quoted, ""))
	}
	if code < 400 {
		return Permanent(fmt.Errorf("%w: redirects are not followed", err))
	}
	if code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests {
		return Permanent(err)
	}
	if d := retryAfter(answer.Header.Get("Retry-After"), time.Now()); d > 0 {
		return RetryAfter(err, d)
	}
	return err
}

// retryAfter reads both forms of the header: seconds, and a date.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if s, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(header); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

func (c *client) close() { c.http.CloseIdleConnections() }
