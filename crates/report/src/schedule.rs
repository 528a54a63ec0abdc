//! When a drill is held by itself: what cron and systemd are told.

use std::path::Path;

use serde_json::{Value, json};

/// A drill every month, in the words of cron and of systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSchedule {
    cron: String,
    service: String,
    timer: String,
}

impl DrillSchedule {
    /// The schedule for a program in a folder, on the target of that name.
    pub fn new(program: &Path, folder: &Path, target: Option<&str>) -> Self {
        let target = target.map(|target| format!(" --target {}", in_shell(target)));
        let arguments = format!(
            "drill restore --random --quiet{}",
            target.unwrap_or_default()
        );
        let (program, folder) = (program.display().to_string(), folder.display().to_string());
        Self {
            // A per cent sign is a line break to cron.
            cron: format!(
                "17 4 1 * *  cd {} && {} {arguments}",
                in_shell(&folder),
                in_shell(&program)
            )
            .replace('%', "\\%"),
            service: format!(
                "[Unit]\nDescription=Restore a backup and compare it (tightrope drill)\n\n[Service]\nType=oneshot\n\
                 WorkingDirectory={}\nExecStart={} {}\n",
                in_unit(&folder),
                in_unit(&program),
                in_unit(&arguments)
            ),
            timer: "[Unit]\nDescription=A drill every month\n\n[Timer]\nOnCalendar=monthly\nRandomizedDelaySec=6h\n\
                    Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
                .to_owned(),
        }
    }

    /// As text, each part under the name of the file it belongs into.
    pub fn text(&self) -> String {
        format!(
            "# crontab -e (mail tells of a drill that failed)\n{}\n\n# /etc/systemd/system/tightrope-drill.service\n{}\n\
             # /etc/systemd/system/tightrope-drill.timer, then: systemctl enable --now tightrope-drill.timer\n{}",
            self.cron, self.service, self.timer
        )
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({ "cron": self.cron, "service": self.service, "timer": self.timer })
    }
}

/// Quoted for a shell where it needs to be.
fn in_shell(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A per cent sign begins a specifier in a unit.
fn in_unit(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_for_cron_and_for_systemd() {
        let schedule = DrillSchedule::new(
            Path::new("/usr/bin/tightrope"),
            Path::new("/srv/my shop"),
            Some("production"),
        );
        let text = schedule.text();
        for line in [
            "17 4 1 * *  cd '/srv/my shop' && /usr/bin/tightrope drill restore --random --quiet --target production",
            "WorkingDirectory=/srv/my shop",
            "ExecStart=/usr/bin/tightrope drill restore --random --quiet --target production",
            "OnCalendar=monthly",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(in_shell("it's"), r"'it'\''s'");
        let schedule = DrillSchedule::new(Path::new("t"), Path::new("/100%"), None);
        assert!(schedule.cron.contains(r"cd '/100\%'"), "{}", schedule.cron);
        assert!(schedule.service.contains("WorkingDirectory=/100%%"));
    }
}
