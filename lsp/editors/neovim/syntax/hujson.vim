" HuJSON: JSON with comments and trailing commas; names of a policy stand out.
if exists('b:current_syntax')
  finish
endif

syntax region hujsonString start=/"/ skip=/\\\\\|\\"/ end=/"/ oneline contains=hujsonEscape,hujsonName,hujsonAutogroup
syntax match hujsonKey /"\%([^"\\]\|\\.\)*"\ze\s*:/ contains=hujsonEscape,hujsonName
syntax match hujsonEscape /\\["\\\/bfnrt]\|\\u\x\{4}/ contained
syntax match hujsonName /"\@1<=\%(group\|tag\|ipset\|posture\|svc\|host\):[^":[:space:]\\]*/ contained
syntax match hujsonAutogroup /"\@1<=autogroup:[A-Za-z0-9-]*/ contained
syntax match hujsonNumber /-\?\<\%(0\|[1-9]\d*\)\%(\.\d\+\)\?\%([eE][-+]\?\d\+\)\?\>/
syntax keyword hujsonConstant true false null
syntax region hujsonComment start=/\/\// end=/$/ contains=@Spell
syntax region hujsonComment start=/\/\*/ end=/\*\// contains=@Spell fold
syntax match hujsonPunctuation /[{}[\]:,]/

highlight default link hujsonString String
highlight default link hujsonKey Identifier
highlight default link hujsonEscape SpecialChar
highlight default link hujsonName Type
highlight default link hujsonAutogroup Constant
highlight default link hujsonNumber Number
highlight default link hujsonConstant Boolean
highlight default link hujsonComment Comment
highlight default link hujsonPunctuation Delimiter

" Comments may be long, and a region must be seen from its start.
syntax sync ccomment hujsonComment minlines=50
let b:current_syntax = 'hujson'
