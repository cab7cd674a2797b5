package page

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	maxFolders = 200     // that are listed, the newest
	maxIndex   = 1 << 20 // bytes of an index.json
)

// safeName tells whether name may be a folder's or a file's. It begins with a
// letter or a digit: no path leads elsewhere.
func safeName(name string) bool { return len(name) <= 200 && nameCharacters.MatchString(name) }

var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// A folder of evidence, as its index.json describes it.
type folder struct {
	Name    string        `json:"name"`
	State   string        `json:"state,omitempty"`
	Started time.Time     `json:"started,omitzero"`
	Alerts  []folderAlert `json:"alerts,omitempty"`
	Files   []folderFile  `json:"files"`
}

type folderAlert struct {
	Name    string    `json:"name"`
	Message string    `json:"message"`
	Time    time.Time `json:"time,omitzero"`
}

type folderFile struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
	Open  string `json:"open,omitempty"`
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"`
}

// evidence lists the folders, newest first.
func (h *Handler) evidence(w http.ResponseWriter, r *http.Request) {
	folders, err := h.folders()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "The evidence cannot be read.", http.StatusInternalServerError)
		return
	}
	writeJSON(w, r, map[string]any{"folders": folders})
}

func (h *Handler) folders() ([]folder, error) {
	out := []folder{}
	if h.source.Evidence == "" {
		return out, nil
	}
	root, err := os.OpenRoot(h.source.Evidence)
	if err != nil {
		return out, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return out, err
	}
	for _, e := range entries {
		if !e.IsDir() || !safeName(e.Name()) {
			continue
		}
		if f, ok := describe(root, e.Name()); ok {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b folder) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.Name, a.Name)
	})
	return out[:min(len(out), maxFolders)], nil
}

// describe reads a folder's index and checks which of its files are there.
func describe(root *os.Root, name string) (folder, bool) {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return folder{}, false
	}
	defer dir.Close() //nolint:errcheck // it was only read
	index, err := dir.Open("index.json")
	if err != nil {
		return folder{}, false
	}
	defer index.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(index, maxIndex))
	if err != nil {
		return folder{}, false
	}
	var f folder
	if err := json.Unmarshal(data, &f); err != nil {
		return folder{}, false
	}
	f.Name = name
	f.Files = slices.DeleteFunc(f.Files, func(file folderFile) bool { return !safeName(file.Name) })
	for i := range f.Files {
		info, err := dir.Lstat(f.Files[i].Name)
		switch {
		case err == nil && info.Mode().IsRegular():
			f.Files[i].Bytes = info.Size()
		case f.Files[i].Error == "":
			f.Files[i].Error = "the file is not there"
		}
	}
	return f, true
}

// download sends one file of a folder, never to be shown by the browser.
func (h *Handler) download(w http.ResponseWriter, r *http.Request, path string) {
	dir, name, _ := strings.Cut(path, "/")
	if h.source.Evidence == "" || !safeName(dir) || !safeName(name) {
		http.NotFound(w, r)
		return
	}
	root, err := os.OpenRoot(h.source.Evidence)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer root.Close()                        //nolint:errcheck // it was only read
	info, err := root.Lstat(dir + "/" + name) // a link is not followed, a pipe not opened
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	f, err := root.Open(dir + "/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close() //nolint:errcheck // it was only read
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+dir+"-"+name+`"`)
	http.ServeContent(w, r, "", info.ModTime(), f)
}
