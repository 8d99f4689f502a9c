package contracttest

// newerCalls are calls that the document, of 2018, does not have yet. Their query takes no parameters and their body
// may be any JSON.
var newerCalls = []struct{ method, template string }{
	// controllers/point/actions/updateattributevalue of the current reference: the body is the bare value.
	{"PUT", "/points/{webId}/attributes/{name}"},
}

// lostParameters are query parameters that select another call of the reference on the same path, which the document
// cannot express: dataservers?name= and dataservers?path= give one server instead of the list.
var lostParameters = map[string][]string{
	"GET /dataservers": {"name", "path"},
}

// parameterValues are what parameters may hold that the document calls mere strings (topics/update-option,
// topics/buffer-option and topics/webid-type of the reference).
var parameterValues = map[string][]string{
	"updateOption": {"Replace", "Insert", "NoReplace", "ReplaceOnly", "InsertNoCompression", "Remove"},
	"bufferOption": {"DoNotBuffer", "BufferIfPossible", "Buffer"},
	"webIdType":    {"Full", "IDOnly", "PathOnly", "LocalIDOnly", "DefaultIDOnly"},
	"asParallel":   {"true", "false"},
	"includeMode":  {"All", "ItemsWithError", "ItemsWithoutException"},
}

// anyType are properties that the document calls objects and that are any JSON in truth (topics/value-types: numbers,
// texts and truths).
var anyType = map[string]bool{"TimedValue.Value": true, "ExtendedTimedValue.Value": true, "PointAttribute.Value": true}
