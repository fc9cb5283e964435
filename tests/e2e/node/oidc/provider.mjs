// The certified oidc-provider with device authorization and people who need no password, for tests. Reads its settings from the JSON file that is its
// only argument, prints "listening" once it is, and ends with its standard input.
//
//   port, key, certificate      where it listens (127.0.0.1 and ::1 by `host`), PEM files
//   issuer                      https://…
//   client_id, client_secret    the one client; without secret a public one
//   algorithm                   of ID tokens: RS256, PS256, ES256, EdDSA
//   keys                        private JWKS
//   people                      {login: claims}: whoever enters the login is that person
//   lies                        a file: while it is there, its members are put into each ID token in place of the true ones (null: left out);
//                               "signed_by": another private JWK that signs it; "expires_in"
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// Installed beside the settings, not beside this file.
const require = createRequire(pathToFileURL(settings.installed + '/x.js'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { default: Provider } = await load('oidc-provider');
const { SignJWT, decodeJwt, decodeProtectedHeader, importJWK } = await load('jose');

const client = {
  client_id: settings.client_id,
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: settings.algorithm,
  require_auth_time: true,
  ...(settings.client_secret
    ? { client_secret: settings.client_secret, token_endpoint_auth_method: 'client_secret_basic' }
    : { token_endpoint_auth_method: 'none', application_type: 'native' }),
};

const provider = new Provider(settings.issuer, {
  clients: [client],
  jwks: settings.keys,
  cookies: { keys: ['for tests alone'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
  features: { deviceFlow: { enabled: true, mask: '****-****' }, devInteractions: { enabled: true } },
  ttl: { DeviceCode: settings.code_lasts ?? 600, IdToken: 300, AccessToken: 300, Grant: 3600, Session: 3600, Interaction: 3600 },
  findAccount: (_, login) => {
    const person = settings.people[login];
    return person && { accountId: login, claims: async () => ({ sub: login, ...person }) };
  },
});

// How often the device may ask, which RFC 8628 lets a provider say; a second, so that tests need not wait for five.
provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/device/auth' && ctx.body?.device_code) ctx.body.interval = settings.interval ?? 1;
});

function lies() {
  try {
    return JSON.parse(readFileSync(settings.lies, 'utf8'));
  } catch {
    return undefined;
  }
}

const { issue } = provider.IdToken.prototype;
provider.IdToken.prototype.issue = async function lying(...how) {
  const honest = await issue.apply(this, how);
  const told = lies();
  if (!told) return honest;
  const { signed_by: key, ...claims } = told;
  const header = decodeProtectedHeader(honest);
  const jwk = key ?? settings.keys.keys.find((each) => each.kid === header.kid);
  const payload = { ...decodeJwt(honest), ...claims };
  for (const name of Object.keys(payload)) if (payload[name] === null) delete payload[name];
  return new SignJWT(payload).setProtectedHeader(header).sign(await importJWK(jwk, header.alg));
};

const server = createServer({ key: readFileSync(settings.key), cert: readFileSync(settings.certificate) }, provider.callback());
server.listen(settings.port, settings.host ?? '127.0.0.1', () => console.log('listening'));
process.stdin.on('end', () => process.exit(0)).resume();
