;;; acl-mode.el --- Tailnet policies, with acl-lsp  -*- lexical-binding: t -*-

;; Copyright (c) 2026, the aclc authors
;; SPDX-License-Identifier: BSD-3-Clause
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: languages, tools

;;; Commentary:

;; A mode for HuJSON (JSON with comments and trailing commas) and the language server acl-lsp, which knows what a tailnet's policy
;; means.
;;
;;     (require 'acl-mode)
;;     (add-hook 'acl-mode-hook #'eglot-ensure)     ; or #'lsp-deferred
;;     (setq acl-format-on-save t)
;;
;; Works with Eglot (built in from Emacs 29 on; a package before) and with lsp-mode.  C-c C-c asks whether somebody may reach
;; something, C-c C-e explains a diagnostic code, C-c C-t runs the tests of the file.

;;; Code:

(require 'cl-lib)
(require 'url-util)

(defgroup acl nil
  "Tailnet policies."
  :group 'languages)

(defcustom acl-lsp-command '("acl-lsp")
  "The language server and its arguments."
  :type '(repeat string))

(defcustom acl-inventory ""
  "The inventory of the tailnet; empty: the one beside the policy."
  :type 'string
  :safe #'stringp)

(defcustom acl-dialect "tailscale"
  "The control plane that policies are for."
  :type '(choice (const "tailscale") (const "headscale"))
  :safe #'stringp)

(defcustom acl-format-on-save nil
  "Whether a buffer is formatted before it is saved."
  :type 'boolean
  :safe #'booleanp)

(defvar acl-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 124b" table)
    (modify-syntax-entry ?* ". 23" table)
    (modify-syntax-entry ?\n "> b" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?' "." table)
    (modify-syntax-entry ?\\ "\\" table)
    ;; A name (tag:web, a login) is one symbol.
    (dolist (character '(?: ?- ?_ ?@ ?.))
      (modify-syntax-entry character "_" table))
    table)
  "Syntax of HuJSON.")

(defvar acl-mode-font-lock-keywords
  `(;; Keys; those that define a name of the policy.
    (,(rx (group "\"" (or "group" "tag" "ipset" "posture" "svc") ":" (* (not (any "\"\\\n"))) "\"") (* blank) ":")
     1 font-lock-type-face t)
    (,(rx (group "\"" (* (or (seq "\\" nonl) (not (any "\"\\\n")))) "\"") (* blank) ":")
     1 font-lock-variable-name-face t)
    ;; Names inside values.
    (,(rx "\"" (group "autogroup:" (+ (any "a-zA-Z0-9-")))) 1 font-lock-constant-face t)
    (,(rx "\"" (group (or "group" "tag" "ipset" "posture" "svc" "host") ":" (+ (not (any "\":\\\n" blank)))))
     1 font-lock-type-face t)
    (,(rx symbol-start (or "true" "false" "null") symbol-end) . font-lock-constant-face))
  "What stands out in HuJSON.")

(defun acl-mode--font-lock-matcher (keyword)
  "KEYWORD, but not inside comments: what is commented out is a comment."
  (let ((regexp (car keyword)))
    (cons (lambda (limit)
            (let (found)
              (while (and (not found) (re-search-forward regexp limit t))
                (setq found (not (nth 4 (save-match-data (save-excursion (syntax-ppss (match-beginning 0))))))))
              found))
          (cdr keyword))))

(defun acl-indent-line ()
  "Indent the line by the brackets it is in, one `tab-width' each."
  (interactive)
  (let* ((state (save-excursion (syntax-ppss (line-beginning-position))))
         (depth (car state))
         (closes (save-excursion (back-to-indentation) (looking-at-p "[]}]"))))
    (unless (nth 3 state)
      (let ((column (* tab-width (max 0 (if closes (1- depth) depth)))))
        (if (<= (current-column) (current-indentation))
            (indent-line-to column)
          (save-excursion (indent-line-to column)))))))

(defvar acl-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'acl-can)
    (define-key map (kbd "C-c C-e") #'acl-explain)
    (define-key map (kbd "C-c C-t") #'acl-run-tests)
    map)
  "Keys of `acl-mode'.")

;;;###autoload
(define-derived-mode acl-mode prog-mode '("Policy" acl--status)
  "Major mode for tailnet policies, inventories and fixtures in HuJSON."
  (setq-local comment-start "// ")
  (setq-local comment-end "")
  (setq-local comment-start-skip (rx (or "//" "/*") (* (syntax whitespace))))
  (setq-local indent-tabs-mode t)
  (setq-local tab-width 4)
  (setq-local indent-line-function #'acl-indent-line)
  (setq-local electric-indent-chars (append "]}" electric-indent-chars))
  (setq-local font-lock-defaults (list (mapcar #'acl-mode--font-lock-matcher acl-mode-font-lock-keywords)))
  (add-hook 'before-save-hook #'acl--format-before-save nil t))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.hujson\\'" . acl-mode))

;; What both clients tell the server.
(defun acl--settings ()
  "The section aclLsp of the server's settings."
  (list :inventory acl-inventory :dialect acl-dialect))

(put 'acl-mode 'eglot-language-id "hujson")

(declare-function eglot-current-server "eglot")
(declare-function eglot-format-buffer "eglot")
(declare-function eglot--path-to-uri "eglot")
(declare-function jsonrpc-request "jsonrpc")
(defvar eglot-server-programs)
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               (cons 'acl-mode
                     (lambda (&rest _)
                       (append acl-lsp-command (list :initializationOptions (list :aclLsp (acl--settings))))))))

(declare-function lsp-format-buffer "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function lsp-request "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp--buffer-uri "lsp-mode")
(defvar lsp-language-id-configuration)
(with-eval-after-load 'lsp-mode
  (add-to-list 'lsp-language-id-configuration '(acl-mode . "hujson"))
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection (lambda () acl-lsp-command))
                    :activation-fn (lambda (_file mode) (eq mode 'acl-mode))
                    :initialization-options (lambda () (list :aclLsp (acl--settings)))
                    :notification-handlers
                    (let ((handlers (make-hash-table :test #'equal)))
                      (puthash "aclLsp/status" #'acl--take-lsp-mode-status handlers)
                      handlers)
                    :server-id 'acl-lsp)))

;; What the server says of a file stands behind the name of the mode.
(defvar-local acl--status nil
  "A few words about the inventory and the tests of this file.")

(defun acl--take-status (uri message tests)
  "Show MESSAGE and TESTS, (PASSED . FAILED) or nil, in the buffer of URI."
  (let ((buffer (find-buffer-visiting (url-unhex-string (string-remove-prefix "file://" uri)))))
    (when buffer
      (with-current-buffer buffer
        (setq acl--status
              (concat "[" message
                      (when tests (format "; %d tests pass" (car tests)))
                      (when (and tests (> (cdr tests) 0)) (format ", %d fail" (cdr tests)))
                      "]"))
        (force-mode-line-update)))))

(defun acl--take-lsp-mode-status (_workspace parameters)
  "Take the status in PARAMETERS, a hash table or a property list."
  (let* ((table (hash-table-p parameters))
         (tests (if table (gethash "tests" parameters) (plist-get parameters :tests))))
    (acl--take-status (if table (gethash "uri" parameters) (plist-get parameters :uri))
                      (if table (gethash "message" parameters) (plist-get parameters :message))
                      (when tests
                        (if table (cons (gethash "passed" tests) (gethash "failed" tests))
                          (cons (plist-get tests :passed) (plist-get tests :failed)))))))

(declare-function eglot-handle-notification "eglot")
(with-eval-after-load 'eglot
  (cl-defmethod eglot-handle-notification (_server (_method (eql aclLsp/status)) &key uri message tests &allow-other-keys)
    "Take the status of a file."
    (acl--take-status uri message (and tests (cons (plist-get tests :passed) (plist-get tests :failed))))))

(defun acl--eglot ()
  "Eglot's server of this buffer, if there is one."
  (and (fboundp 'eglot-current-server) (eglot-current-server)))

(defun acl--lsp-mode-p ()
  "Whether lsp-mode serves this buffer."
  (bound-and-true-p lsp-mode))

(defun acl--format-before-save ()
  "Format the buffer if `acl-format-on-save' says so."
  (when acl-format-on-save
    ;; A file with a syntax error cannot be formatted, and is saved as it is.
    (with-demoted-errors "acl-lsp: not formatted: %S"
      (cond ((acl--eglot) (eglot-format-buffer))
            ((acl--lsp-mode-p) (lsp-format-buffer))))))

(defun acl--uri ()
  "The buffer's file as the server knows it."
  (cond ((acl--eglot) (eglot--path-to-uri (buffer-file-name)))
        ((acl--lsp-mode-p) (lsp--buffer-uri))))

(defun acl--execute (command &rest argument)
  "Have the server run COMMAND with ARGUMENT, a property list; show its answer."
  (let* ((parameters (list :command command :arguments (vector argument)))
         (result (cond ((acl--eglot) (jsonrpc-request (acl--eglot) :workspace/executeCommand parameters))
                       ((acl--lsp-mode-p) (lsp-request "workspace/executeCommand" parameters))
                       (t (user-error "No language server serves this buffer"))))
         (text (if (hash-table-p result) (gethash "text" result) (plist-get result :text))))
    (when (stringp text)
      ;; Paths as they are from the file that was asked about.
      (setq text (string-replace (expand-file-name default-directory) "" text))
      (with-current-buffer (get-buffer-create "*acl-lsp*")
        (let ((inhibit-read-only t))
          (erase-buffer)
          (insert text)
          (goto-char (point-min)))
        (special-mode)
        (display-buffer (current-buffer))))
    result))

(defun acl-can (source target)
  "Ask whether SOURCE may reach TARGET, and why."
  (interactive "sWho (node, user, group, tag, address): \nsMay reach (DST[:PORT[/PROTO]] or ssh USER@NODE): ")
  (acl--execute "aclLsp.can" :uri (acl--uri) :source source :target target))

(defun acl-explain (code)
  "Say what a diagnostic CODE means."
  (interactive "sCode: ")
  (acl--execute "aclLsp.explain" :code code))

(defun acl-run-tests ()
  "Run the tests of this policy or fixture."
  (interactive)
  (acl--execute "aclLsp.runTests" :uri (acl--uri)))

(provide 'acl-mode)
;;; acl-mode.el ends here
