package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelperf/otelperf-go/internal/config"
)

// newResource describes the process: what is detected, then the files and
// variables, then the options. Neither the command's arguments nor its owner
// are in it, as they carry secrets.
//
// instance is the id that the state file keeps, if there is one.
func newResource(ctx context.Context, cfg *config.Config, s *settings, instance string) (*resource.Resource, error) {
	if id := cfg.Resource.ServiceInstanceID; id != "" {
		instance = id
	}
	if instance == "" {
		id, err := uuid.NewRandom()
		if err != nil {
			return nil, fmt.Errorf("monitor: no random service.instance.id: %w", err)
		}
		instance = id.String()
	}
	name := s.service
	if name == "" {
		name = cfg.Resource.ServiceName
	}
	if name == "" {
		name = "unknown_service:" + filepath.Base(os.Args[0])
	}
	attrs := []attribute.KeyValue{semconv.ServiceName(name), semconv.ServiceInstanceID(instance)}
	if v := cfg.Resource.ServiceVersion; v != "" {
		attrs = append(attrs, semconv.ServiceVersion(v))
	}
	if v := cfg.Resource.ServiceNamespace; v != "" {
		attrs = append(attrs, semconv.ServiceNamespace(v))
	}
	r, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(cfg.Resource.Attributes...),
		resource.WithAttributes(attrs...),
		resource.WithAttributes(s.attributes...),
	)
	// A detector that finds nothing, such as a host without a name, leaves the
	// resource without that attribute, and useful.
	if errors.Is(err, resource.ErrPartialResource) || errors.Is(err, resource.ErrSchemaURLConflict) {
		s.log().Warn("otelperf: the resource is incomplete", "error", err)
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("monitor: resource: %w", err)
	}
	return r, nil
}
