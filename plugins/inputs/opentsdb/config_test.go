package opentsdb

import (
	"testing"

	"telegraf-ipvs/internal/config/configtest"
)

func TestSampleConfig(t *testing.T) {
	d := Config{}.withDefaults()
	d.Reply = "" // which means as profile is
	// There is none by default; the sample shows an example, as the text around it says.
	d.DefaultNamespace = &Namespace{1, "549a90ee-c5bb-4b0f-bcb4-e942b0503f85", "opentsdb"}
	configtest.CheckSample(t, SampleConfig, "inputs.opentsdb", d)
}
