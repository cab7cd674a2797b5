package corpus

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxDeclaration bounds a printed declaration: some constant groups go on for
// thousands of lines that say nothing to a reader.
const maxDeclaration = 4 << 10

// A goPackage is the parsed files of one package in one folder.
type goPackage struct {
	fset       *token.FileSet
	importPath string
	files      []*ast.File
}

// parseGo parses the named files of one folder and sorts them by package; of
// test files it keeps those with examples only. What does not parse comes
// back as broken.
func parseGo(fsys fs.FS, dir, importPath string, names []string) (packages []goPackage, broken []string) {
	fset := token.NewFileSet()
	byName := make(map[string][]*ast.File)
	var tests []*ast.File
	for _, name := range names {
		src, _, err := readFile(fsys, path.Join(dir, name), maxGoBytes)
		if err != nil {
			broken = append(broken, name)
			continue
		}
		isTest := strings.HasSuffix(name, "_test.go")
		if isTest && !bytes.Contains(src, []byte("func Example")) {
			continue
		}
		file, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			broken = append(broken, name)
			continue
		}
		if isTest {
			tests = append(tests, file)
		} else {
			byName[file.Name.Name] = append(byName[file.Name.Name], file)
		}
	}
	for name, files := range byName {
		for _, test := range tests {
			if strings.TrimSuffix(test.Name.Name, "_test") == name {
				files = append(files, test)
			}
		}
		packages = append(packages, goPackage{fset, importPath, files})
	}
	slices.SortFunc(packages, func(a, b goPackage) int {
		return cmp.Compare(a.files[0].Name.Name, b.files[0].Name.Name)
	})
	return packages, broken
}

// documents returns one document for the package and for each of its exported
// functions, types, methods, and groups of constants and variables.
func (p goPackage) documents() []Document {
	var mode doc.Mode
	if name := p.files[0].Name.Name; name == "main" || p.importPath == "builtin" {
		mode = doc.AllDecls // neither exports anything, both have much to read
	}
	d, err := doc.NewFromFiles(p.fset, p.files, p.importPath, mode)
	if err != nil {
		return nil
	}
	g := goDocuments{goPackage: p, doc: d}
	if d.Doc != "" || len(d.Examples) > 0 {
		g.out = append(g.out, Document{
			ID: slug(p.importPath), Title: "package " + d.Name, Kind: "package", Source: p.importPath,
			Text: strings.TrimSpace(d.Doc), Examples: g.examples(d.Examples),
		})
	}
	g.values("const", d.Consts)
	g.values("var", d.Vars)
	g.funcs("func", d.Funcs)
	for _, t := range d.Types {
		g.add("type", t.Name, t.Doc, t.Decl, t.Examples)
		g.values("const", t.Consts)
		g.values("var", t.Vars)
		g.funcs("func", t.Funcs)
		g.funcs("method", t.Methods)
	}
	return g.out
}

type goDocuments struct {
	goPackage
	doc *doc.Package
	out []Document
}

func (g *goDocuments) add(kind, name, text string, decl ast.Decl, examples []*doc.Example) {
	g.out = append(g.out, Document{
		ID:          slug(g.importPath + "." + name),
		Title:       g.doc.Name + "." + name,
		Kind:        kind,
		Source:      g.importPath,
		Declaration: g.print(decl),
		Text:        strings.TrimSpace(text),
		Examples:    g.examples(examples),
	})
}

func (g *goDocuments) funcs(kind string, funcs []*doc.Func) {
	for _, f := range funcs {
		name := f.Name
		if f.Recv != "" {
			recv, _, _ := strings.Cut(strings.TrimPrefix(f.Recv, "*"), "[")
			name = recv + "." + name
		}
		f.Decl.Body = nil
		g.add(kind, name, f.Doc, f.Decl, f.Examples)
	}
}

func (g *goDocuments) values(kind string, values []*doc.Value) {
	for _, v := range values {
		if len(v.Names) > 0 {
			g.add(kind, v.Names[0], v.Doc, v.Decl, nil)
		}
	}
}

func (g *goDocuments) examples(examples []*doc.Example) string {
	var b strings.Builder
	for _, e := range examples {
		if e.Doc != "" {
			b.WriteString("// " + strings.ReplaceAll(strings.TrimSpace(e.Doc), "\n", "\n// ") + "\n")
		}
		b.WriteString(g.print(e.Code) + "\n")
	}
	return strings.TrimSpace(b.String())
}

// print formats a piece of code, bounded. What cannot be formatted is left out:
// its documentation is there without it.
func (g *goDocuments) print(node any) string {
	var b bytes.Buffer
	if err := format.Node(&b, g.fset, node); err != nil {
		return ""
	}
	return Cut(b.String(), maxDeclaration)
}
