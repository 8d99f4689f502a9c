package piwebapitest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Scope says how far one bad entry of a request spoils it.
type Scope string

// The scopes. The empty Scope is Item.
const (
	Item  Scope = "item"  // 207, that entry alone fails
	Whole Scope = "whole" // an error for the request, and nothing of it is written
)

// Config holds the switches of a [Server]. The zero Config is an installation as the vendor ships it, save that it asks
// for no credentials.
type Config struct {
	ServerName    string // of the data server; "" = PISRV01
	ServerID      string // its GUID; "" = a fixed one
	ServerVersion string // of the data archive; "" = 3.4.440.477

	AFServerName string // "" = AFSRV01
	AFServerID   string // its GUID; "" = a fixed one
	AFDatabase   string // "" = Network

	ProductVersion string // of PI Web API; "" = 1.11.1.5383

	Auth             Auth   // the zero Auth is anonymous
	UnauthorizedBody string // of a 401: "message" (also ""), "empty" or "html"

	// CSRFStatus answers a write without X-Requested-With: 400 (also 0) or 403. -1 switches that defence off.
	CSRFStatus int
	// MaxRequestBytes is the longest body; 0 = 4194304, negative = no limit.
	MaxRequestBytes int64
	// RateLimit is how many requests an address may send in RateDuration; 0 = 1000, negative = no limit.
	RateLimit    int
	RateDuration time.Duration // 0 = 1 s
	// MaxItems is the largest maxCount and page; 0 = 150000.
	MaxItems int

	UnknownWebID Scope // of a stream in a streamset whose WebID means nothing here
	BadValue     Scope // of a value that its point cannot take
	// UnknownStatus answers a streamset that an unknown WebID spoils as a whole: 404 (also 0) or 400.
	UnknownStatus int
	// SingleProblem makes a stream that failed as a whole appear with one substatus, not one for each of its values.
	SingleProblem bool
	// SuccessCode is of a write that went well: 200, 202, 204, or 0 for 204 with DoNotBuffer and else 202.
	SuccessCode int
	// GoodSubstatus is that of the good values beside bad ones: 200, 202 or 204 (also 0).
	GoodSubstatus int
	// EmptyMessage makes the message of a good value "" where it is null otherwise.
	EmptyMessage bool
	// BufferLoses makes BufferIfPossible act as Buffer, as where PI Buffer Subsystem is installed: everything is
	// accepted, and a value that its point cannot take vanishes.
	BufferLoses bool
	// BufferDelay is how long a buffered value waits before it is stored; a restart meanwhile loses it. 0 = no wait.
	BufferDelay time.Duration

	// DuplicateStatus answers the creation of a point that is there already: 409 (also 0) or 400.
	DuplicateStatus int
	// ForbiddenStatus answers what the user may not do: 403 (also 0) or 500.
	ForbiddenStatus int
	// WriteForbidden and CreateForbidden say of which points; nil = none. They must be safe for concurrent use.
	WriteForbidden  func(point string) bool
	CreateForbidden func(point string) bool
	// LicenceLimit is how many points may exist before creation fails; 0 = no limit.
	LicenceLimit int
	// NoPointAttributes removes PUT points/{webId}/attributes/{name}, as in versions that lack it.
	NoPointAttributes bool
	// DigitalNumbers lets a digital point take the number of a state beside its name.
	DigitalNumbers bool
	// ChildStatus is that of a batch request whose parent failed; 0 = 400.
	ChildStatus int

	// WebIDType is the form of issued WebIDs where the request names none: Full (also ""), IDOnly or PathOnly.
	WebIDType string
	// BOM puts U+FEFF before each body.
	BOM bool

	// Store is a file that keeps what was accepted over restarts; "" = memory alone. One server at a time may use it.
	Store string
	// MaxEvents is how many values a point keeps, the oldest going first; 0 = all. Each takes 24 bytes.
	MaxEvents int
	// KeepLog keeps each received value for [Server.Received], about 64 bytes a value.
	KeepLog bool
	// Pages serves pages for people outside of /piwebapi, which is not found otherwise.
	Pages bool

	// Now is the clock of the server; nil = time.Now.
	Now func() time.Time
}

// withDefaults returns c with its zero fields set.
func (c Config) withDefaults() Config {
	def(&c.ServerName, "PISRV01")
	def(&c.ServerID, "7a3c5b1e-52f4-4d0a-9d3b-2c6de18f0a41")
	def(&c.ServerVersion, "3.4.440.477")
	def(&c.AFServerName, "AFSRV01")
	def(&c.AFServerID, "c19f2d70-8e6b-4b55-a7f2-90d3e4b5c6a8")
	def(&c.AFDatabase, "Network")
	def(&c.ProductVersion, "1.11.1.5383")
	def(&c.UnauthorizedBody, "message")
	def(&c.CSRFStatus, 400)
	def(&c.MaxRequestBytes, 4194304)
	def(&c.RateLimit, 1000)
	def(&c.RateDuration, time.Second)
	def(&c.MaxItems, 150000)
	def(&c.UnknownWebID, Item)
	def(&c.BadValue, Item)
	def(&c.UnknownStatus, 404)
	def(&c.GoodSubstatus, 204)
	def(&c.DuplicateStatus, 409)
	def(&c.ForbiddenStatus, 403)
	def(&c.ChildStatus, 400)
	def(&c.WebIDType, "Full")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.WriteForbidden == nil {
		c.WriteForbidden = func(string) bool { return false }
	}
	if c.CreateForbidden == nil {
		c.CreateForbidden = func(string) bool { return false }
	}
	return c
}

func def[T comparable](field *T, value T) {
	*field = cmp.Or(*field, value)
}

// check returns everything that is wrong with a Config whose defaults are set.
func (c Config) check() error {
	var errs []error
	oneOf(&errs, "UnauthorizedBody", c.UnauthorizedBody, "message", "empty", "html")
	oneOf(&errs, "CSRFStatus", c.CSRFStatus, 400, 403, -1)
	oneOf(&errs, "UnknownWebID", c.UnknownWebID, Item, Whole)
	oneOf(&errs, "BadValue", c.BadValue, Item, Whole)
	oneOf(&errs, "UnknownStatus", c.UnknownStatus, 404, 400)
	oneOf(&errs, "SuccessCode", c.SuccessCode, 0, 200, 202, 204)
	oneOf(&errs, "GoodSubstatus", c.GoodSubstatus, 200, 202, 204)
	oneOf(&errs, "DuplicateStatus", c.DuplicateStatus, 409, 400)
	oneOf(&errs, "ForbiddenStatus", c.ForbiddenStatus, 403, 500)
	oneOf(&errs, "WebIDType", c.WebIDType, "Full", "IDOnly", "PathOnly")
	for _, limit := range []struct {
		name  string
		value int
	}{{"MaxItems", c.MaxItems}, {"LicenceLimit", c.LicenceLimit}, {"MaxEvents", c.MaxEvents}} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d: must not be negative", limit.name, limit.value))
		}
	}
	if c.ChildStatus < 400 || c.ChildStatus > 599 {
		errs = append(errs, fmt.Errorf("ChildStatus is %d: must be an error, 400 to 599", c.ChildStatus))
	}
	if c.RateDuration < 0 || c.BufferDelay < 0 {
		errs = append(errs, errors.New("RateDuration and BufferDelay must not be negative"))
	}
	return errors.Join(errs...)
}

func oneOf[T comparable](errs *[]error, name string, got T, want ...T) {
	if !slices.Contains(want, got) {
		*errs = append(*errs, fmt.Errorf("%s is %v: must be one of %v", name, got, want))
	}
}
