//! What a JWT template is given, read alike at every door that takes one.

use crate::input::Input;
use domain::jwt_templates::{Change, Signer};
use foundation::Problem;
use protocols::jose::Algorithm;

/// Reads a template, or a change of one.
///
/// # Errors
/// [`Problem::ParamUnknown`]; [`Problem::ParamFormat`]; [`Problem::ParamInvalid`] where algorithm or key go without `custom_signing_key`.
pub fn jwt_template(input: &Input) -> Result<Change, Problem> {
    input.only(&["name", "claims", "lifetime", "allowed_clock_skew", "custom_signing_key", "signing_algorithm", "signing_key"])?;
    Ok(Change {
        name: input.text("name")?.map(str::to_owned),
        claims: input.object("claims")?,
        lifetime: input.number("lifetime")?,
        allowed_clock_skew: input.number("allowed_clock_skew")?,
        signer: signer(input)?,
    })
}

/// Reads a new template.
///
/// # Errors
/// [`Problem::ParamMissing`]; as [`jwt_template`].
pub fn new_jwt_template(input: &Input) -> Result<Change, Problem> {
    let change = jwt_template(input)?;
    input.text("name")?.ok_or(Problem::ParamMissing("name"))?;
    input.object("claims")?.ok_or(Problem::ParamMissing("claims"))?;
    Ok(change)
}

fn signer(input: &Input) -> Result<Option<Signer>, Problem> {
    let algorithm = input.text("signing_algorithm")?.map(|text| {
        Algorithm::parse(text).ok_or(Problem::invalid(
            "signing_algorithm",
            "must be one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
        ))
    });
    let algorithm = algorithm.transpose()?;
    let key = input.text("signing_key")?.map(foundation::Secret::new);
    let own = input.flag("custom_signing_key")?;
    if own == Some(true) {
        return Ok(Some(Signer::Own(algorithm, key)));
    }
    if key.is_some() {
        return Err(Problem::invalid("signing_key", "goes with custom_signing_key alone"));
    }
    if algorithm.is_some_and(|algorithm| algorithm != Algorithm::Rs256) {
        return Err(Problem::invalid("signing_algorithm", "must be RS256 without custom_signing_key: the instance signs with nothing else"));
    }
    Ok(own.map(|_| Signer::Instance))
}
