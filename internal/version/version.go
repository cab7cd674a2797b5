// Package version holds the module's version, for the instrumentation scopes
// and the resource that it reports itself under.
package version

// Version is the version of this module, without a leading v.
const Version = "0.1.0"
