package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/otelperf/otelperf-go/views"
)

// A WebhookConfig says where and how a [Webhook] sends alerts.
type WebhookConfig struct {
	// URL is the address, http or https. Required. Errors name its host only,
	// as many services put a secret into the path.
	URL string

	// Method is POST unless set; PUT and PATCH are allowed too.
	Method string

	// Body is a [text/template] that is executed with the [views.Alert]. It
	// also has the functions
	//
	//	json VALUE       the value as JSON, quoted and escaped: {{json .Name}}
	//	attr ALERT KEY   an attribute of the group, else of the resource:
	//	                 {{json (attr . "service.name")}}
	//
	// Empty: "{{json .}}", the alert's own JSON.
	Body string

	// ContentType is "application/json" unless set. A body of a JSON type must
	// be valid JSON whatever an alert holds, which [NewWebhook] tries out.
	ContentType string

	// Client says how to talk to the server.
	Client ClientConfig
}

// A Webhook is a sink that sends one request for each alert. It is safe for
// concurrent use.
type Webhook struct {
	client      *client
	url         *url.URL
	method      string
	contentType string
	body        text
	json        bool
}

// NewWebhook checks all of the configuration, the template included, which is
// executed with alerts made up for that.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	w := &Webhook{
		method:      cmp.Or(c.Method, http.MethodPost),
		contentType: cmp.Or(c.ContentType, "application/json"),
	}
	var errs [5]error
	w.url, errs[0] = parseURL(c.URL)
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, w.method) {
		errs[1] = fmt.Errorf("notify: webhook: the method %q is not POST, PUT or PATCH", w.method)
	}
	mediaType, _, err := mime.ParseMediaType(w.contentType)
	if err != nil {
		errs[2] = fmt.Errorf("notify: webhook: the content type %q: %w", w.contentType, err)
	}
	w.json = mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
	if w.body, err = parseText("body", cmp.Or(c.Body, "{{json .}}")); err != nil {
		errs[3] = fmt.Errorf("notify: webhook: %w", err)
	} else {
		for _, a := range samples() {
			if _, err := w.render(a); err != nil && errs[3] == nil {
				errs[3] = fmt.Errorf("notify: webhook: %w", err)
			}
		}
	}
	w.client, errs[4] = newClient(c.Client)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Webhook) render(a views.Alert) ([]byte, error) {
	body, err := w.body.execute(a)
	if err == nil && w.json {
		err = mustBeJSON(body)
	}
	return body, err
}

// Notify sends one request. It is a [Sink]. An answer of 2xx is success.
// Another attempt is worth while after 408, 429 and 5xx, whose Retry-After
// counts, and when there was no answer; anything else is permanent, and so is
// a template that fails.
func (w *Webhook) Notify(ctx context.Context, a views.Alert) error {
	body, err := w.render(a)
	if err != nil {
		return Permanent(fmt.Errorf("notify: webhook: %w", err))
	}
	if err := w.client.send(ctx, w.method, w.url, w.contentType, body); err != nil {
		return fmt.Errorf("notify: webhook: %w", err)
	}
	return nil
}

// Close ends the connections that are kept for the next alert. The webhook
// stays usable.
func (w *Webhook) Close() error {
	w.client.close()
	return nil
}
