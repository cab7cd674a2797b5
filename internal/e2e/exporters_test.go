package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"

	"github.com/otelperf/otelperf-go/internal/e2e/lab"
	"github.com/otelperf/otelperf-go/otelperf/monitor"
	"github.com/otelperf/otelperf-go/views"
)

// TestExporters: each way to speak OTLP to a Collector, with every search
// arriving exactly once.
func TestExporters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificates(t, dir)
	token := lab.Write(t, dir, "token", "s3cret")
	secure := []string{
		"OTELPERF_RECEIVERS=[otlp/secure]", "OTELPERF_EXTENSIONS=[health_check, file_storage, bearertokenauth]",
		"OTELPERF_CERT=" + filepath.Join(dir, "server.crt"), "OTELPERF_KEY=" + filepath.Join(dir, "server.key"),
		"OTELPERF_TOKEN_FILE=" + token,
	}
	mutual := append([]string{"OTELPERF_CLIENT_CA=" + filepath.Join(dir, "ca.crt")}, secure...)
	authority := fmt.Sprintf("ca_file = %q\n", filepath.Join(dir, "ca.crt"))
	certificate := fmt.Sprintf("cert_file = %q\nkey_file = %q\n", filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	const bearer = "headers = { authorization = \"Bearer s3cret\" }\n"
	variants := []struct {
		name, toml string
		env        []string
		tls        bool
	}{
		{"plain", "", nil, false},
		{"gzip", "compression = \"gzip\"\n", nil, false},
		{"TLS with a private authority and a token", authority + bearer, secure, true},
		{"TLS, a token and gzip", "compression = \"gzip\"\n" + authority + bearer, secure, true},
		{"mutual TLS and a token", authority + certificate + bearer, mutual, true},
		{"mutual TLS, a token and gzip", "compression = \"gzip\"\n" + authority + certificate + bearer, mutual, true},
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c := lab.StartCollector(t, v.env...)
			var want uint64
			for _, protocol := range []string{"grpc", "http/protobuf"} {
				for _, temporality := range []string{"cumulative", "delta"} {
					scheme, port := "http", c.HTTP
					if v.tls {
						scheme = "https"
					}
					if protocol == "grpc" {
						port = c.GRPC
					}
					endpoint := fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
					s := startService(t, export(endpoint, fmt.Sprintf("protocol = %q\ntemporality = %q\n%s", protocol, temporality, v.toml)))
					for range 3 {
						s.record(20, time.Millisecond)
						if err := s.ForceFlush(t.Context()); err != nil {
							t.Fatalf("%s, %s: %v", protocol, temporality, err)
						}
					}
					s.record(7, time.Millisecond)
					if err := s.stop(10 * time.Second); err != nil {
						t.Fatalf("%s, %s: %v", protocol, temporality, err)
					}
					want += 67
				}
			}
			wantTotal(t, c, want)
		})
	}
	t.Run("without the token nothing gets in", func(t *testing.T) {
		t.Parallel()
		c := lab.StartCollector(t, secure...)
		for _, protocol := range []string{"grpc", "http/protobuf"} {
			port := c.HTTP
			if protocol == "grpc" {
				port = c.GRPC
			}
			s := startService(t, export(fmt.Sprintf("https://127.0.0.1:%d", port), fmt.Sprintf("protocol = %q\n%s", protocol, authority)))
			s.record(5, time.Millisecond)
			if err := s.ForceFlush(t.Context()); err == nil {
				t.Errorf("%s: flushing is no error", protocol)
			}
		}
		if got := total(c.Metrics()); got != 0 {
			t.Errorf("%d searches got in", got)
		}
	})
}

// TestScrapedDirectly: Prometheus scrapes the process through OpenTelemetry's
// Prometheus exporter, which is a Reader that no Processor can stand before: the
// same baselines are judged beside it.
func TestScrapedDirectly(t *testing.T) {
	t.Parallel()
	registry := client.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	alerts := make(chan views.Alert, 100)
	s := startService(t, "[monitoring]\ninterval_seconds = 0.5\n[baseline_targets]\nsearch_ms = 5\n",
		monitor.WithReader(reader),
		monitor.WithNotify(func(_ context.Context, a views.Alert) error { alerts <- a; return nil }))
	page := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer page.Close()
	prometheus := lab.StartPrometheus(t, fmt.Sprintf("global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: direct\n"+
		"    static_configs: [{targets: [%q]}]\n", strings.TrimPrefix(page.URL, "http://")))
	s.record(100, 20*time.Millisecond)
	prometheus.Want(`sum(otelperf_operation_duration_seconds_count{otelperf_operation_name="search"})`, 100)
	prometheus.Want(`sum(otelperf_operation_duration_seconds_bucket{le="0.006"})`, 0)
	select {
	case a := <-alerts:
		if a.Name != "search_ms" || a.State != views.Firing {
			t.Errorf("alert is %v", a)
		}
	case <-time.After(10 * time.Second):
		t.Error("no alert within ten seconds")
	}
}

// certificates writes an authority, and a server's and a client's certificate.
func certificates(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		lab.Write(t, dir, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	issue := func(name string, serial int64, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if parent == nil {
			parent, signer = template, key
			template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".crt", "CERTIFICATE", der)
		write(name+".key", "PRIVATE KEY", private)
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made, key
	}
	authority, key := issue("ca", 1, nil, nil)
	issue("server", 2, authority, key)
	issue("client", 3, authority, key)
}
