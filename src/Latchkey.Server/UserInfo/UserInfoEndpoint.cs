using System.Buffers;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.SenderConstraint;
using Latchkey.Server.Token;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.UserInfo;

/// <summary>
/// The UserInfo endpoint, OpenID Connect Core section 5.3: an access token with the scope <c>openid</c> fetches the claims it stands for. The token
/// comes in the header or the form (RFC 6750 sections 2.1 and 2.2), never in the query, where logs would keep it; one that is bound to a key comes under
/// the scheme DPoP with a proof (RFC 9449 section 7.1).
/// </summary>
internal sealed class UserInfoEndpoint(
    ServerOptions options, ConfigurationSource configurations, ClientDirectory directory, AccessTokens accessTokens, SenderConstraints constraints,
    ClientEncryption encryption, Database database, TimeProvider clock)
{
    private static readonly string Algorithms = string.Join(' ', DPoPProofs.AlgorithmsSupported);

    private const string FormParameter = "access_token";

    /// <summary>Answers <c>GET</c> and <c>POST /userinfo</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var configuration = configurations.Current;
        if (await ReadTokenAsync(context).ConfigureAwait(false) is not { } found)
        {
            await ChallengeAsync(context, null, false).ConfigureAwait(false);
            return;
        }

        if (found.Refused(out var error, out var presented)
            || (await accessTokens.VerifyAsync(presented.Token, configuration, clock.GetUtcNow().ToUnixTimeMilliseconds()).ConfigureAwait(false)).Refused(out error, out var info))
        {
            await ChallengeAsync(context, error, presented?.IsDPoP == true).ConfigureAwait(false);
            return;
        }

        if (info.Grant is not { } grant || !info.Scope.Contains(Scopes.OpenId))
        {
            await ChallengeAsync(context, OAuthError.InsufficientScope("The access token needs the scope openid."), presented.IsDPoP).ConfigureAwait(false);
            return;
        }

        var user = await database.ReadAsync(sql => Users.FindAsync(sql, grant.Subject)).ConfigureAwait(false);
        if (user is null or { DisabledAt: not null })
        {
            await ChallengeAsync(context, OAuthError.InvalidToken("The account of the access token is closed."), presented.IsDPoP).ConfigureAwait(false);
            return;
        }

        if (await constraints.CheckUseAsync(context, configuration, presented.Token, presented.IsDPoP, info.Confirmation).ConfigureAwait(false) is { } misuse)
        {
            await ChallengeAsync(context, misuse, info.Confirmation?.KeyThumbprint is not null).ConfigureAwait(false);
            return;
        }

        if (await directory.FindKnownAsync(info.ClientId, configuration).ConfigureAwait(false) is not { } client)
        {
            await ChallengeAsync(context, OAuthError.InvalidToken("The client of the access token is gone."), presented.IsDPoP).ConfigureAwait(false);
            return;
        }

        var answer = new Claims(user, SubjectIdentifiers.Of(user.Subject, client, configuration.Keys), info.Scope, grant.Terms.Claims);
        context.NoStore();
        if (client.Metadata is { UserinfoSignedResponseAlg: null, UserinfoEncryptedResponseAlg: null })
        {
            await context.WriteJsonAsync(answer.ToJson()).ConfigureAwait(false);
            return;
        }

        if ((await SecureAsync(answer, client, configuration).ConfigureAwait(false)).Refused(out error, out var jwt)) await context.WriteErrorAsync(error).ConfigureAwait(false);
        else await context.WriteJwtAsync(jwt).ConfigureAwait(false);
    }

    /// <summary>Signs, encrypts, or signs and then encrypts (OpenID Connect Core section 5.3.2).</summary>
    private async ValueTask<Result<string>> SecureAsync(Claims answer, Client client, ServerConfiguration configuration)
    {
        var metadata = client.Metadata;
        if (metadata.UserinfoSignedResponseAlg is not { } algorithm)
        {
            return await encryption.EncryptAsync(answer.ToJson(), client, metadata.UserinfoEncryptedResponseAlg!, metadata.UserinfoEncryptedResponseEnc, null)
                .ConfigureAwait(false);
        }

        var signer = configuration.Keys.Signer(algorithm, clock.GetUtcNow().ToUnixTimeMilliseconds());
        var signed = JwtWriter.Write(signer, JwtTypes.UserInfo, (answer, options.Issuer, client.Id), static (json, source) =>
        {
            json.WriteString(ClaimNames.Issuer, source.Issuer);
            json.WriteString(ClaimNames.Audience, source.Id);
            source.answer.Write(json);
        });
        return await encryption.EncryptAsync(signed, client, metadata.UserinfoEncryptedResponseAlg, metadata.UserinfoEncryptedResponseEnc).ConfigureAwait(false);
    }

    /// <summary>What the answer says, whichever form it takes.</summary>
    private sealed record Claims(User User, string Subject, ScopeSet Scope, string? Requested)
    {
        public void Write(Utf8JsonWriter json)
        {
            json.WriteString("sub"u8, Subject);
            UserClaims.Write(json, User, Scope, Requested, ClaimsTarget.UserInfo);
        }

        public ReadOnlyMemory<byte> ToJson()
        {
            var buffer = new ArrayBufferWriter<byte>(512);
            using var json = new Utf8JsonWriter(buffer);
            json.WriteStartObject();
            Write(json);
            json.WriteEndObject();
            json.Flush();
            return buffer.WrittenMemory;
        }
    }

    /// <summary>The token of a request; null if it has none.</summary>
    private static async ValueTask<Result<Presented>?> ReadTokenAsync(HttpContext context)
    {
        string? inForm = null;
        // A body that is no form is no token: whoever sends the header as well may send along what they like.
        if (HttpMethods.IsPost(context.Request.Method) && context.Request.ContentLength is not 0 && context.Request.ContentType is not null
            && (RequestForm.IsForm(context) || context.Request.Headers.Authorization.Count == 0))
        {
            if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form)) return error;
            inForm = form[FormParameter];
        }

        var header = context.Request.Headers.Authorization;
        if (header.Count == 0)
        {
            if (inForm is null) return null;
            return new Presented(inForm, false);
        }

        if (header.Count > 1 || inForm is not null) return OAuthError.InvalidRequest("The request carries more than one access token; send it once.");
        if (header[0] is not { } value || value.IndexOf(' ', StringComparison.Ordinal) is not (> 0 and var space)) return null;
        var isDPoP = value.AsSpan(0, space).Equals(TokenTypes.DPoP, StringComparison.OrdinalIgnoreCase);
        if (!isDPoP && !value.AsSpan(0, space).Equals(TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase)) return null;
        return new Presented(value[space..].Trim(), isDPoP);
    }

    /// <summary>
    /// Refuses by RFC 6750 section 3 and RFC 9449 section 7.1: who sent no token is told nothing but how. The Bearer challenge is the first, since many
    /// clients read no other.
    /// </summary>
    private Task ChallengeAsync(HttpContext context, OAuthError? error, bool isDPoP)
    {
        var bearer = $"Bearer realm=\"{options.Issuer}\"";
        var dpop = $"DPoP realm=\"{options.Issuer}\", algs=\"{Algorithms}\"";
        if (error is null)
        {
            context.Response.Headers.WWWAuthenticate = (string[])[bearer, dpop];
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.NoStore();
            return Task.CompletedTask;
        }

        if (error.Status == StatusCodes.Status503ServiceUnavailable) return context.WriteErrorAsync(error);
        var challenge = $"{(isDPoP ? dpop : bearer)}, error=\"{error.Code}\", error_description=\"{error.Description}\"";
        if (error.Code == "insufficient_scope") challenge += $", scope=\"{Scopes.OpenId}\"";
        context.Response.Headers.WWWAuthenticate = challenge;
        return context.WriteErrorAsync(error);
    }

    /// <summary>A token as it came.</summary>
    private sealed record Presented(string Token, bool IsDPoP)
    {
        public override string ToString() => IsDPoP ? TokenTypes.DPoP : TokenTypes.Bearer;
    }
}
