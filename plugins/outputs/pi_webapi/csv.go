package piwebapi

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteCSV writes the PI points of a list as a worksheet for PI Builder, the add-in of Excel that makes points in bulk.
// Left out is what exists already, AF attributes, and fields without a point. Columns have the names of AVEVA's page
// "PI point columns" (PI Server, PI Builder): Selected(x), Name, ObjectType, Description, pointtype, ptclassname,
// engunits, step, digitalset, and one for each further attribute that some point has.
func WriteCSV(w io.Writer, list []Listed) error {
	columns := []string{
		"Selected(x)", "Name", "ObjectType", "Description", "pointtype", "ptclassname", "engunits", "step", "digitalset",
	}
	fixed := len(columns)
	var rows [][]string
	for _, item := range list {
		p := item.Point
		if p == nil || p.Fixed || p.IsAttribute() {
			continue
		}
		step := "0"
		if p.Spec.Step {
			step = "1"
		}
		row := []string{
			"x", p.Name, "PIPoint", cell(item.Descriptor),
			string(p.Spec.Type), cell(p.Spec.Class), cell(p.Spec.Units), step, cell(p.Spec.DigitalSet),
		}
		for _, a := range p.Spec.Attributes {
			i := slices.Index(columns[fixed:], a.Name)
			if i < 0 {
				i = len(columns) - fixed
				columns = append(columns, a.Name)
			}
			for len(row) <= fixed+i {
				row = append(row, "")
			}
			row[fixed+i] = attributeText(a.Value)
		}
		rows = append(rows, row)
	}
	return writeRows(w, columns, rows)
}

func writeRows(w io.Writer, columns []string, rows [][]string) error {
	var text strings.Builder
	c := csv.NewWriter(&text)
	c.UseCRLF = true
	err := c.Write(columns)
	for _, row := range rows {
		for len(row) < len(columns) {
			row = append(row, "")
		}
		err = errors.Join(err, c.Write(row))
	}
	c.Flush()
	if err = errors.Join(err, c.Error()); err != nil {
		return err
	}
	out := text.String()
	if strings.ContainsFunc(out, func(r rune) bool { return r >= utf8.RuneSelf }) {
		out = "\ufeff" + out // or Excel takes the file for one in the local code page
	}
	_, err = io.WriteString(w, out)
	return err
}

// cell keeps Excel from taking text for a formula. A name of a point never begins so.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return " " + s
	}
	return s
}

func attributeText(v any) string {
	switch v := v.(type) {
	case string:
		return cell(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
