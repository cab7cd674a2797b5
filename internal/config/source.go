package config

// A Source is one configuration: a file, or text that a program holds.
type Source struct {
	// Name is the path of the file, or what errors call the text.
	Name string
	// Data is the TOML text; nil reads the file.
	Data []byte
}

// File is the source that reads the file at path.
func File(path string) Source { return Source{Name: path} }

// LoadSources is [Load] for sources of either kind.
func LoadSources(sources ...Source) (*Config, error) {
	c := Default()
	for _, s := range sources {
		data := s.Data
		if data == nil {
			var err error
			if data, err = read(s.Name); err != nil {
				return nil, err
			}
		}
		if err := c.apply(s.Name, data); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}
