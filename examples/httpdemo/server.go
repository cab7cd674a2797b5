package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/corpus"
	"github.com/otelperf/otelperf-go/examples/httpdemo/internal/index"
)

// Limits of what a client may send and ask for.
const (
	maxBody     = 1 << 20 // bytes of a POST
	maxTitle    = 300     // bytes of a document's title
	maxQuestion = 512     // bytes of q
	maxK        = 100
	defaultK    = 10
)

// searchTimeout bounds a search, its deliberate slowness apart.
const searchTimeout = 10 * time.Second

// newAPI returns the service's HTTP interface. Every answer is JSON.
func newAPI(s *service, slow time.Duration, log *slog.Logger) *http.ServeMux {
	a := &api{service: s, timeout: searchTimeout + slow, log: log}
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, path string
		handler      http.HandlerFunc
	}{
		{http.MethodGet, "/search", a.search},
		{http.MethodPost, "/documents", a.create},
		{http.MethodGet, "/documents/{id...}", a.document},
		{http.MethodGet, "/healthz", a.health},
	} {
		allow := route.method
		if allow == http.MethodGet {
			allow += ", " + http.MethodHead
		}
		mux.HandleFunc(route.method+" "+route.path, route.handler)
		mux.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			a.fail(w, http.StatusMethodNotAllowed, "%s allows %s, not %s", r.URL.Path, allow, r.Method)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, http.StatusNotFound, "no such path: there are /search, /documents and /healthz")
	})
	return mux
}

type api struct {
	*service
	timeout time.Duration
	log     *slog.Logger
}

type searchReply struct {
	Query string     `json:"query"`
	Total uint64     `json:"total"`
	Hits  []hitReply `json:"hits"`
}

type hitReply struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Kind    string  `json:"kind"`
	Source  string  `json:"source,omitempty"`
	Summary string  `json:"summary"`
	Score   float64 `json:"score"`
}

type createRequest struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type createReply struct {
	ID string `json:"id"`
}

type healthReply struct {
	Status    string `json:"status"`
	Documents int    `json:"documents"`
}

type errorReply struct {
	Error string `json:"error"`
}

func (a *api) search(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuestion(r.URL.RawQuery)
	if err != nil {
		a.fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	defer cancel()
	found, err := a.service.search(ctx, q)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	reply := searchReply{Query: q.text, Total: found.total, Hits: make([]hitReply, len(found.hits))}
	for i, h := range found.hits {
		d := h.Document
		reply.Hits[i] = hitReply{d.ID, d.Title, d.Kind, d.Source, index.Summary(d), h.Score}
	}
	a.reply(w, http.StatusOK, reply)
}

// parseQuestion reads q and k from a query string.
func parseQuestion(rawQuery string) (question, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return question{}, errors.New("the query string is malformed")
	}
	q := question{text: strings.TrimSpace(values.Get("q")), k: defaultK}
	switch {
	case q.text == "":
		return question{}, errors.New("q, the words to search for, is missing")
	case len(q.text) > maxQuestion:
		return question{}, fmt.Errorf("q is longer than %d bytes", maxQuestion)
	case !utf8.ValidString(q.text):
		return question{}, errors.New("q is not valid UTF-8")
	}
	if values.Has("k") {
		q.k, err = strconv.Atoi(values.Get("k"))
		if err != nil || q.k < 1 || q.k > maxK {
			return question{}, fmt.Errorf("k, how many documents to return, is not a number from 1 to %d", maxK)
		}
	}
	return q, nil
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		w.Header().Set("Accept", "application/json")
		a.fail(w, http.StatusUnsupportedMediaType, "the Content-Type is not application/json")
		return
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		a.fail(w, http.StatusUnsupportedMediaType, "the Content-Encoding is not identity")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		a.fail(w, http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
		return
	} else if err != nil {
		a.fail(w, http.StatusBadRequest, "the body could not be read")
		return
	}
	d, err := parseDocument(body)
	if err != nil {
		a.fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	d, err = a.add(r.Context(), d)
	if err != nil {
		a.broken(w, r, err)
		return
	}
	w.Header().Set("Location", "/documents/"+d.ID)
	a.reply(w, http.StatusCreated, createReply{d.ID})
}

// parseDocument reads one document from the body of a POST, and nothing else.
func parseDocument(body []byte) (corpus.Document, error) {
	var request createRequest
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return corpus.Document{}, fmt.Errorf("the body is not a document: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return corpus.Document{}, errors.New("there is more in the body than one document")
	}
	title, text := strings.TrimSpace(request.Title), strings.TrimSpace(request.Text)
	switch {
	case title == "":
		return corpus.Document{}, errors.New("the document has no title")
	case len(title) > maxTitle:
		return corpus.Document{}, fmt.Errorf("the title is longer than %d bytes", maxTitle)
	case text == "":
		return corpus.Document{}, errors.New("the document has no text")
	}
	return corpus.Document{Title: title, Kind: "document", Text: text}, nil
}

func (a *api) document(w http.ResponseWriter, r *http.Request) {
	d, ok := a.index.Get(r.PathValue("id"))
	if !ok {
		a.fail(w, http.StatusNotFound, "no document has this ID")
		return
	}
	a.reply(w, http.StatusOK, d)
}

func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, http.StatusOK, healthReply{"ok", a.index.Len()})
}

// broken answers for an operation that failed through no fault of the request.
func (a *api) broken(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil: // the client left; nobody reads this
		a.fail(w, http.StatusServiceUnavailable, "the request was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Retry-After", "1")
		a.fail(w, http.StatusServiceUnavailable, "this took longer than %v", a.timeout)
	case errors.Is(err, index.ErrFull):
		a.fail(w, http.StatusInsufficientStorage, "there is no room for more documents")
	default:
		a.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		a.fail(w, http.StatusInternalServerError, "internal error")
	}
}

func (a *api) fail(w http.ResponseWriter, status int, format string, args ...any) {
	a.reply(w, status, errorReply{fmt.Sprintf(format, args...)})
}

func (a *api) reply(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // a score that is not a number, say
		a.log.Error("encoding an answer", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		a.log.Debug("sending an answer", "error", err)
	}
}

// newServer returns a server that no slow or hostile client can hold for ever.
func newServer(handler http.Handler, slow time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15*time.Second + searchTimeout + slow,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
