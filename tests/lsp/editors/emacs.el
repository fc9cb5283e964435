;;; emacs.el --- acl-lsp in a real Emacs, by Eglot  -*- lexical-binding: t -*-

;; ACL_SOURCE=. ACLC=build/bin/aclc ACL_LSP=build/bin/acl-lsp emacs -Q --batch -l tests/lsp/editors/emacs.el -f ert-run-tests-batch-and-exit
;;
;; Each test has a folder of its own with the example `startup' and a server of its own.  What is asynchronous is waited for by
;; its condition, never by time.

(setq load-prefer-newer t)
(package-initialize)
(require 'ert)
(require 'cl-lib)
(add-to-list 'load-path (expand-file-name "lsp/editors/emacs" (getenv "ACL_SOURCE")))
(require 'acl-mode)
(require 'eglot)
(require 'flymake)
(require 'xref)

(defconst acl-test-deadline 60 "Seconds after which what should come at once does not come.")

(setq acl-lsp-command (list (expand-file-name (getenv "ACL_LSP")))
      create-lockfiles nil
      make-backup-files nil
      eglot-confirm-server-initiated-edits nil)

(defmacro acl-test-wait (what &rest condition)
  "Wait until CONDITION holds; WHAT it is, in words."
  (declare (indent 1))
  `(let ((end (+ (float-time) acl-test-deadline)))
     (while (not (progn ,@condition))
       (when (> (float-time) end)
         (ert-fail (list "not in time" ,what (buffer-string)
                         (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))))
       (accept-process-output nil 0.02))
     t))

(defmacro acl-test-with (file &rest body)
  "Run BODY in a buffer that visits a copy of FILE and that the server serves."
  (declare (indent 1))
  `(let* ((scratch (make-temp-file "acl-emacs-" t))
          (folder (file-name-as-directory (expand-file-name "tailnet" scratch)))
          (examples (expand-file-name "examples" (getenv "ACL_SOURCE"))))
     (copy-directory (expand-file-name "policies/startup" examples) (directory-file-name folder))
     (dolist (name '("mistakes.hujson" "untidy.hujson"))
       (copy-file (expand-file-name name examples) folder))
     ;; The folder is a project, so that the files in it share a server.
     (let ((project-find-functions (list (lambda (_) (cons 'transient folder))))
           (eglot-sync-connect 30)
           (eglot-autoshutdown nil))
       (unwind-protect
           (with-current-buffer (find-file-noselect (expand-file-name ,file folder))
             (should (eq major-mode 'acl-mode))
             (apply #'eglot (eglot--guess-contact))
             (should (eglot-current-server))
             ,@body)
         (dolist (buffer (buffer-list))
           (let ((name (buffer-file-name buffer)))
             (when (and name (string-prefix-p folder name))
               (with-current-buffer buffer
                 (when (eglot-current-server) (ignore-errors (eglot-shutdown (eglot-current-server))))
                 (set-buffer-modified-p nil)
                 (kill-buffer buffer)))))
         (delete-directory scratch t)))))

(defun acl-test-marked (part)
  "The diagnostics that lie on PART of the text."
  (flymake-start)
  (cl-remove-if-not (lambda (diagnostic)
                      (string-search part (buffer-substring-no-properties (flymake-diagnostic-beg diagnostic)
                                                                          (flymake-diagnostic-end diagnostic))))
                    (flymake-diagnostics)))

(defun acl-test-find (text)
  "Put point behind the first TEXT."
  (goto-char (point-min))
  (search-forward text))

(defun acl-test-file (path)
  "What the file PATH holds."
  (with-temp-buffer
    (insert-file-contents path)
    (buffer-string)))

(defun acl-test-renamed (path from to)
  "What PATH holds with FROM renamed to TO; comments stay."
  (mapconcat (lambda (line)
               (if (string-match-p "\\`[ \t]*//" line) line (string-replace from to line)))
             (split-string (acl-test-file path) "\n") "\n"))

(ert-deftest a-mistake-is-marked-and-the-mark-goes-when-it-is-mended ()
  (acl-test-with "mistakes.hujson"
    (acl-test-wait "the unknown tag is marked" (acl-test-marked "tag:servr"))
    (should (string-search "tag:servr" (flymake-diagnostic-text (car (acl-test-marked "tag:servr")))))
    (acl-test-find "tag:servr")
    (replace-match "tag:server")
    (eglot--signal-textDocument/didChange)
    (acl-test-wait "the mark is gone"
      (flymake-start)
      (not (cl-some (lambda (one) (string-search "tag:servr" (flymake-diagnostic-text one))) (flymake-diagnostics))))))

(ert-deftest names-of-the-policy-complete ()
  (acl-test-with "policy.hujson"
    (acl-test-find "\"src\": [\"tag:ci")
    (delete-region (- (point) 2) (point))
    (insert "web")
    (eglot--signal-textDocument/didChange)
    (completion-at-point)
    (should (looking-back "\"tag:webhooks" (line-beginning-position)))))

(ert-deftest a-tag-is-renamed-in-the-policy-and-in-its-fixture ()
  (acl-test-with "policy.hujson"
    (let* ((fixture-path (expand-file-name "access.test.hujson" folder))
           (policy (acl-test-renamed (buffer-file-name) "tag:prod-db" "tag:database"))
           (fixture (acl-test-renamed fixture-path "tag:prod-db" "tag:database"))
           (other (find-file-noselect fixture-path)))
      (with-current-buffer other (eglot--maybe-activate-editing-mode))
      (acl-test-find "tag:prod-db")
      (backward-char 3)
      (eglot-rename "tag:database")
      (should (equal (buffer-string) policy))
      (should (equal (with-current-buffer other (buffer-string)) fixture)))))

(ert-deftest a-file-is-saved-as-aclc-fmt-lays-it-out ()
  (acl-test-with "untidy.hujson"
    (let ((acl-format-on-save t)
          (wanted (with-temp-buffer
                    (insert-file-contents (expand-file-name "untidy.hujson" folder))
                    (call-process-region nil nil (getenv "ACLC") t t nil "fmt" "-")
                    (buffer-string))))
      (set-buffer-modified-p t)
      (save-buffer)
      (should (equal (acl-test-file (buffer-file-name)) wanted)))))

(ert-deftest did-you-mean-mends-a-name ()
  (acl-test-with "mistakes.hujson"
    (acl-test-wait "the unknown tag is marked" (acl-test-marked "tag:servr"))
    (acl-test-find "tag:servr")
    (backward-char 2)
    ;; Of what is offered a person takes the line with the right name.
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_prompt collection &rest _)
                 (or (cl-find-if (lambda (title) (string-search "tag:server" title)) (all-completions "" collection))
                     (ert-fail (list "no such action among" (all-completions "" collection))))))
              (last-nonmenu-event ?x)) ; by a key, not by the mouse
      (call-interactively #'eglot-code-actions))
    (acl-test-wait "the name is mended"
      (string-search "\"src\": [\"tag:server\"]" (buffer-string)))))

(ert-deftest a-definition-is-found ()
  (acl-test-with "policy.hujson"
    (acl-test-find "\"src\": [\"tag:ci")
    (backward-char 2)
    (let ((found (xref-backend-definitions 'eglot (xref-backend-identifier-at-point 'eglot))))
      (should (= (length found) 1))
      (should (string-search "\"tag:ci\":" (xref-item-summary (car found)))))))

(ert-deftest the-mode-line-says-what-the-inventory-holds ()
  (acl-test-with "policy.hujson"
    (acl-test-wait "the server has said what it is at" (and acl--status (string-search "nodes" acl--status)))))

(ert-deftest lines-are-indented-by-their-brackets ()
  (with-temp-buffer
    (insert "{\n\"a\": [ // ]\n1,\n],\n}\n")
    (acl-mode)
    (indent-region (point-min) (point-max))
    (should (equal (buffer-string) "{\n\t\"a\": [ // ]\n\t\t1,\n\t],\n}\n"))))

(ert-deftest comments-are-no-names ()
  (with-temp-buffer
    (insert "{\"tag:a\": 1, // \"tag:b\": 2\n}")
    (acl-mode)
    (font-lock-ensure)
    (goto-char (point-min))
    (search-forward "tag:a")
    (should (eq (get-text-property (1- (point)) 'face) 'font-lock-type-face))
    (search-forward "tag:b")
    (should (eq (get-text-property (1- (point)) 'face) 'font-lock-comment-face))))

;;; emacs.el ends here
