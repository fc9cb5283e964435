// Starts the acl-lsp that the settings name, else the one in PATH; nothing is downloaded. Settings: lsp.acl-lsp of settings.json.
use zed_extension_api::settings::LspSettings;
use zed_extension_api::{self as zed, serde_json, LanguageServerId, Result, Worktree};

struct AclLsp;

impl zed::Extension for AclLsp {
    fn new() -> Self {
        AclLsp
    }

    fn language_server_command(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<zed::Command> {
        let settings = LspSettings::for_worktree(id.as_ref(), worktree)?.binary;
        let (path, arguments) = match settings {
            Some(binary) => (binary.path, binary.arguments.unwrap_or_default()),
            None => (None, Vec::new()),
        };
        let command = path
            .or_else(|| worktree.which("acl-lsp"))
            .ok_or("acl-lsp is not in PATH; install it, or name it in lsp.acl-lsp.binary.path of the settings")?;
        Ok(zed::Command { command, args: arguments, env: worktree.shell_env() })
    }

    fn language_server_initialization_options(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<serde_json::Value>> {
        let settings = LspSettings::for_worktree(id.as_ref(), worktree)?.settings;
        Ok(settings.map(|settings| serde_json::json!({ "aclLsp": settings })))
    }

    fn language_server_workspace_configuration(
        &mut self,
        id: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<serde_json::Value>> {
        self.language_server_initialization_options(id, worktree)
    }
}

zed::register_extension!(AclLsp);
