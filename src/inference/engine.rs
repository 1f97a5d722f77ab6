use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cases::derived;
use super::{Cases, CasesBuilder, Error, Inference, Parameters, Relation, RuleSetParameters};
use crate::program::{Floors, Partition, Program, Trace};
use crate::rules::{Fingerprint, RuleBase, RuleText};
use crate::{limited, unique, whole_file};

/// A rule base and its parameters, ready to run. Cheap to clone and to share between threads.
///
/// It serialises as the rule file it was read from, its settings, and its parameters, so that what
/// was learned travels as one file ([`Engine::write`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "EngineFile", into = "EngineFile")]
pub struct Engine {
    program: Arc<Program>,
    floors: Arc<Floors>,
}

/// The form in which engines are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineFile {
    /// None for rules written in Rust; such a file cannot be read.
    rules: Option<RuleText>,
    #[serde(deserialize_with = "unique::map")]
    parameters: BTreeMap<String, RuleSetParameters>,
}

impl From<Engine> for EngineFile {
    fn from(engine: Engine) -> Self {
        Self { rules: engine.base().text().cloned(), parameters: engine.parameters().parameters }
    }
}

impl TryFrom<EngineFile> for Engine {
    type Error = Error;

    fn try_from(EngineFile { rules, parameters }: EngineFile) -> Result<Self, Error> {
        let base = rules.ok_or(Error::NoRuleText)?.parse().map_err(|error| Error::Rules(Arc::new(error)))?;
        Self::new(&base, &Parameters { parameters })
    }
}

impl Engine {
    /// Compiles a rule base and checks its parameters.
    ///
    /// # Errors
    /// [`Error::MissingParameters`], [`Error::ParameterCount`], [`Error::Parameter`] or
    /// [`Error::ParametersOfNoRules`] unless there are an s and an r in \[0, 1\] for every rule.
    pub fn new(base: &RuleBase, parameters: &Parameters) -> Result<Self, Error> {
        let program = Program::new(base);
        let floors = parameters.floors(&program)?;
        Ok(Self { program: Arc::new(program), floors: Arc::new(floors) })
    }

    /// Compiles a rule base with the parameters that its rules themselves state: s = 1 for `if`, 0
    /// for `iff`, r = 0, or what they were given.
    pub fn of(base: &RuleBase) -> Self {
        let program = Program::new(base);
        Self { floors: Arc::new(Floors::stated(&program)), program: Arc::new(program) }
    }

    /// The same rules with other parameters; nothing is compiled again.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_parameters(&self, parameters: &Parameters) -> Result<Self, Error> {
        let floors = parameters.floors(&self.program)?;
        Ok(self.with_floors(floors))
    }

    pub(crate) fn with_floors(&self, floors: Floors) -> Self {
        Self { program: Arc::clone(&self.program), floors: Arc::new(floors) }
    }

    /// Reads an engine from a file that [`Self::write`] made.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::File`], naming the file and what is wrong in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = limited::read_text(path, limited::FILE_LIMIT).map_err(|error| Error::io(path, error))?;
        serde_json::from_str(&text).map_err(|error| Error::File { path: path.to_owned(), reason: Arc::new(error) })
    }

    /// Writes the rule file, its settings and the parameters to one JSON file, whole or not at all.
    ///
    /// ```
    /// use pinesy::inference::Engine;
    /// use pinesy::rules::RuleBase;
    ///
    /// let engine = Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", 2)])?);
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("sums.json");
    /// engine.write(&path)?;
    /// let again = Engine::read(&path)?;
    /// assert_eq!(again.fingerprint(), engine.fingerprint());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoRuleText`] for rules written in Rust, [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        if self.base().text().is_none() {
            return Err(Error::NoRuleText);
        }
        let text = serde_json::to_string_pretty(self).expect("plain data") + "\n";
        whole_file::write(path, |w| w.write_all(text.as_bytes())).map_err(|error| Error::io(path, error))
    }

    /// The rule base it was made from.
    pub fn base(&self) -> &RuleBase {
        &self.program.base
    }

    /// What tells this rule base with these parameters apart from others, on every machine.
    pub fn fingerprint(&self) -> Fingerprint {
        self.base().fingerprint().with(self.floors.all())
    }

    /// Starts a table of cases for its rules.
    pub fn cases(&self) -> CasesBuilder {
        Cases::of(self.base())
    }

    /// Infers every derived attribute of a single case.
    ///
    /// # Errors
    /// [`Error::OtherRules`] for a case of another rule base, [`Error::OneCase`] for a table of
    /// more cases, or of none.
    pub fn infer(&self, case: &Cases) -> Result<Inference, Error> {
        Ok(Inference::new(Arc::clone(&self.program), self.trace(case)?))
    }

    pub(crate) fn trace(&self, case: &Cases) -> Result<Trace, Error> {
        case.check_base(self.base())?;
        if case.len() != 1 {
            return Err(Error::OneCase(case.len()));
        }
        Ok(Trace::new(&self.program, &self.floors, case.degrees()))
    }

    /// The classes of values that the rules on an attribute do not tell apart.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on.
    pub fn partition(&self, attribute: &str) -> Result<&Partition, Error> {
        Ok(&self.program.structure(self.stage(attribute)?).partition)
    }

    /// The matrix relation O = M □ I of a rule set, for inspection; inference does not use it.
    ///
    /// # Errors
    /// [`Error::UnknownDerived`] for a name that no rule concludes on.
    pub fn relation(&self, attribute: &str) -> Result<Relation, Error> {
        let stage = self.stage(attribute)?;
        Ok(Relation::new(self.program.structure(stage), self.floors.of(&self.program, stage)))
    }

    /// The vector I = \[λ_1, ρ_1, …\] of a rule set's premises for a single case.
    ///
    /// # Errors
    /// As [`Self::infer`] and [`Self::relation`].
    pub fn premises(&self, attribute: &str, case: &Cases) -> Result<Vec<f32>, Error> {
        let stage = self.stage(attribute)?;
        Ok(self.trace(case)?.premises[self.program.stages[stage].levels()].to_vec())
    }

    /// The parameters of all rules.
    pub fn parameters(&self) -> Parameters {
        let of = |(stage, set)| (self.base().conclusion(set).name().to_owned(), self.stage_parameters(stage));
        Parameters { parameters: self.base().rule_sets().iter().enumerate().map(of).collect() }
    }

    /// The parameters of the rules on an attribute; `None` if no rule concludes on it.
    pub fn parameters_of(&self, attribute: &str) -> Option<RuleSetParameters> {
        Some(self.stage_parameters(self.stage(attribute).ok()?))
    }

    fn stage_parameters(&self, stage: usize) -> RuleSetParameters {
        RuleSetParameters::from_pairs(self.floors.of(&self.program, stage)).named(self.base(), stage)
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    pub(crate) fn floors(&self) -> &Floors {
        &self.floors
    }

    /// The place in the cascade of the rule set on an attribute.
    pub(crate) fn stage(&self, name: &str) -> Result<usize, Error> {
        Ok(derived(self.base(), name)?.0)
    }
}
