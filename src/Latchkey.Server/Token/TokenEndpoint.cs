using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Diagnostics;
using Latchkey.Server.Hosting;
using Latchkey.Server.SenderConstraint;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Token;

/// <summary>
/// The token endpoint, RFC 6749 section 3.2: numbered phases that no grant can skip.
/// </summary>
internal sealed class TokenEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, SenderConstraints constraints, IEnumerable<IGrant> grants, TokenIssuer issuer,
    ClientKeys keys, ClientEncryption encryption, Auditor auditor)
{
    private readonly FrozenDictionary<string, IGrant> _grants = grants.ToFrozenDictionary(grant => grant.GrantType, StringComparer.Ordinal);

    private readonly FrozenDictionary<string, string> _details = grants.ToFrozenDictionary(
        grant => grant.GrantType, grant => $"{{\"grant_type\":\"{grant.GrantType}\"}}", StringComparer.Ordinal);

    private readonly string _supported = string.Join(", ", grants.Select(grant => grant.GrantType));

    /// <summary>Answers <c>POST /token</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1. One configuration for the whole request, and the form: nothing repeated, nothing malformed.
        var configuration = configurations.Current;
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        // 2. Who asks.
        if ((await authenticator.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)).Refused(out error, out var client))
        {
            await authenticator.WriteFailureAsync(context, error).ConfigureAwait(false);
            return;
        }

        // 3. For which grant, and may this client use it.
        var audit = auditor.Event(context, AuditEvents.TokenIssued) with { Actor = client.Id, ClientId = client.Id };
        if (FindGrant(form, client, out var grant) is { } misfit)
        {
            await RefuseAsync(context, audit, misfit).ConfigureAwait(false);
            return;
        }

        // What the answer must be encrypted with is looked for before anything is used up.
        if (client.Metadata.IdTokenEncryptedResponseAlg is { } encryptionAlgorithm
            && await keys.FindEncryptionAsync(client, encryptionAlgorithm).ConfigureAwait(false) is null)
        {
            await RefuseAsync(context, audit, OAuthError.TemporarilyUnavailable(
                $"ID tokens of this client are encrypted, but it has no key for {encryptionAlgorithm} that can be had now; look at its jwks or jwks_uri.")).ConfigureAwait(false);
            return;
        }

        // 4. What the tokens are to be bound to: the proof and its nonce hold before anything is used up.
        audit = audit with { Detail = _details[grant!.GrantType] };
        if (constraints.Judge(context, client, configuration).Refused(out error, out var constraint))
        {
            await RefuseAsync(context, audit, error).ConfigureAwait(false);
            return;
        }

        // 5. The grant judges its own parameters and uses up what must be used up.
        var request = new TokenRequest(form, client, configuration, audit.At, audit, constraint.Confirmation);
        if ((await grant.RedeemAsync(request).ConfigureAwait(false)).Refused(out error, out var issuance))
        {
            await RefuseAsync(context, audit, error).ConfigureAwait(false);
            return;
        }

        // 6. A proof is good once. Where the grant used something up, it made sure of that already.
        if (!issuance.IsOneTime && await constraints.UseAsync(constraint, configuration).ConfigureAwait(false) is { } replayed)
        {
            await RefuseAsync(context, audit, replayed).ConfigureAwait(false);
            return;
        }

        // 7. Tokens, only now that they are owed.
        var response = issuer.Issue(issuance with { Confirmation = constraint.Confirmation }, client, configuration, request.Now);
        if (response.IdToken is { } idToken)
        {
            if ((await encryption.EncryptAsync(idToken, client, client.Metadata.IdTokenEncryptedResponseAlg, client.Metadata.IdTokenEncryptedResponseEnc).ConfigureAwait(false))
                .Refused(out error, out var secured))
            {
                await RefuseAsync(context, audit, error).ConfigureAwait(false);
                return;
            }

            response = response with { IdToken = secured };
        }

        // 8. Tell the audit, and answer.
        auditor.Note(audit with
        {
            Subject = issuance.User?.Subject,
            Detail = issuance.AuditDetail is { } more ? $"{audit.Detail[..^1]},{more}}}" : audit.Detail,
        });
        ServerTelemetry.TokensIssued(grant.GrantType);
        context.NoStore();
        await context.WriteJsonAsync(response, MessagesJson.Default.TokenResponse).ConfigureAwait(false);
    }

    private OAuthError? FindGrant(Parameters form, Client client, [MaybeNull] out IGrant grant)
    {
        grant = null;
        if (form[ParameterNames.GrantType] is not { } type) return OAuthError.InvalidRequest($"grant_type is missing; send one of {_supported}.");
        if (!_grants.TryGetValue(type, out grant)) return OAuthError.UnsupportedGrantType($"There is no such grant_type here; there is {_supported}.");
        return client.Metadata.Allows(type)
            ? null
            : OAuthError.UnauthorizedClient($"This client may not use the grant {type}; add it to its grant_types.");
    }

    private Task RefuseAsync(HttpContext context, AuditEvent audit, OAuthError error)
    {
        // A device that polls is told to wait a hundred times, a client is told its nonce: that is no refusal.
        if (error.Code is not ("authorization_pending" or "slow_down" or "use_dpop_nonce"))
        {
            auditor.Note(audit with
            {
                Event = AuditEvents.TokenRefused,
                Outcome = AuditOutcomes.Refused,
                Detail = audit.Detail is { } detail ? $"{detail[..^1]},\"error\":\"{error.Code}\"}}" : $"{{\"error\":\"{error.Code}\"}}",
            });
        }

        return context.WriteErrorAsync(error);
    }
}
