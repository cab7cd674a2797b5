package scene

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// EvidenceName is the name of the folder that Evidence makes.
const EvidenceName = "20260102T150405Z-search_ms"

// Evidence makes up a folder of evidence in root.
func Evidence(root string) error {
	type file struct {
		Name  string `json:"name"`
		About string `json:"about"`
		Open  string `json:"open"`
	}
	type alert struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	}
	at := time.Now().Add(-6 * time.Minute)
	folder := filepath.Join(root, EvidenceName)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("scene: %w", err)
	}
	files := []file{
		{"cpu.pprof", "CPU profile of 10 s", "go tool pprof -http=: cpu.pprof"},
		{"goroutines.pprof", "what every goroutine waits for", "go tool pprof -http=: goroutines.pprof"},
		{"trace.out", "execution trace of the last seconds", "go tool trace trace.out"},
	}
	for i, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.Name), make([]byte, 20_000*(i+1)), 0o600); err != nil {
			return fmt.Errorf("scene: %w", err)
		}
	}
	index, err := json.Marshal(map[string]any{
		"version": 1, "state": "complete", "started": at,
		"alerts": []alert{{"search_ms", "ALERT search_ms = 168.000 exceeds baseline 100.000 by 68.0%"}}, "files": files,
	})
	if err != nil {
		return fmt.Errorf("scene: %w", err)
	}
	return os.WriteFile(filepath.Join(folder, "index.json"), index, 0o600)
}
