use tightrope_engine::ErrorKind;

/// What a SQLSTATE means to us: whole codes first, then classes (the first two characters).
const CODES: &[(&str, ErrorKind)] = &[
    ("0A000", ErrorKind::Unsupported),
    ("25001", ErrorKind::NotInTransaction),
    ("25006", ErrorKind::PermissionDenied), // read-only transaction
    ("2BP01", ErrorKind::DependentObjects),
    ("2D000", ErrorKind::NotInTransaction), // COMMIT inside a function or an atomic block
    ("3D000", ErrorKind::DatabaseMissing),
    ("3F000", ErrorKind::DoesNotExist),
    ("40001", ErrorKind::Transient),
    ("40P01", ErrorKind::Transient),
    ("42501", ErrorKind::PermissionDenied),
    ("42601", ErrorKind::Syntax),
    ("42602", ErrorKind::Syntax),
    ("42622", ErrorKind::Syntax),
    ("42704", ErrorKind::DoesNotExist),
    ("42703", ErrorKind::DoesNotExist),
    ("42883", ErrorKind::DoesNotExist),
    ("42P01", ErrorKind::DoesNotExist),
    ("42P02", ErrorKind::DoesNotExist),
    ("42710", ErrorKind::AlreadyExists),
    ("42701", ErrorKind::AlreadyExists),
    ("42723", ErrorKind::AlreadyExists),
    ("42P03", ErrorKind::AlreadyExists),
    ("42P04", ErrorKind::AlreadyExists),
    ("42P05", ErrorKind::AlreadyExists),
    ("42P06", ErrorKind::AlreadyExists),
    ("42P07", ErrorKind::AlreadyExists),
    ("55006", ErrorKind::InUse),
    ("55P03", ErrorKind::LockNotGranted),
    ("57014", ErrorKind::Cancelled),
    ("57P01", ErrorKind::ConnectionLost),
    ("57P02", ErrorKind::ConnectionLost),
    ("57P03", ErrorKind::Unreachable), // starting up or shutting down
    ("57P04", ErrorKind::ConnectionLost),
    ("57P05", ErrorKind::ConnectionLost),
    ("25P03", ErrorKind::ConnectionLost), // idle in transaction for too long
    ("53100", ErrorKind::OutOfSpace),
    ("53200", ErrorKind::OutOfSpace),
    ("53300", ErrorKind::Unreachable), // too many connections
    ("54000", ErrorKind::Unsupported),
    ("XX001", ErrorKind::Damaged),
    ("XX002", ErrorKind::Damaged),
    ("P0001", ErrorKind::Raised),
    ("P0004", ErrorKind::Raised), // ASSERT
];

const CLASSES: &[(&str, ErrorKind)] = &[
    ("08", ErrorKind::ConnectionLost),
    ("22", ErrorKind::DataViolation),
    ("23", ErrorKind::DataViolation),
    ("28", ErrorKind::AuthenticationFailed),
];

/// The kind of error behind a SQLSTATE.
pub(crate) fn kind(sqlstate: &str) -> ErrorKind {
    let code = CODES.iter().find(|(code, _)| *code == sqlstate);
    let class = || {
        CLASSES
            .iter()
            .find(|(class, _)| sqlstate.starts_with(class))
    };
    code.or_else(class)
        .map_or(ErrorKind::Other, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sqlstate: &str, expect: ErrorKind) {
        assert_eq!(kind(sqlstate), expect, "{sqlstate}");
    }

    #[test]
    fn codes_go_before_classes() {
        check("28P01", ErrorKind::AuthenticationFailed);
        check("23505", ErrorKind::DataViolation);
        check("22001", ErrorKind::DataViolation);
        check("42P07", ErrorKind::AlreadyExists);
        check("55P03", ErrorKind::LockNotGranted);
        check("08006", ErrorKind::ConnectionLost);
        check("XX000", ErrorKind::Other);
    }
}
