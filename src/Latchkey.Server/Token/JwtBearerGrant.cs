using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Login;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Token;

/// <summary>
/// The JWT bearer grant, RFC 7523 section 2.1: a JWT of an issuer that the operator trusts is worth an access token to the client that a rule names for
/// it. For workloads that have a token of their platform and no secret of ours, and for Identity Assertion JWT Authorization Grants.
/// </summary>
internal sealed class JwtBearerGrant(ServerOptions options, Database database, UserDirectory users, TrustedProviders providers, TokenIssuer issuer, StatusIndexes statusIndexes, TimeProvider clock) : IGrant
{
    private const int DefaultLifetime = 3600;
    private const int LongestJwtId = 1024;

    public string GrantType => GrantTypes.JwtBearer;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        var (parameters, client, configuration) = (request.Parameters, request.Client, request.Configuration);
        if (parameters[ParameterNames.Assertion] is not { } text) return OAuthError.InvalidRequest("assertion is missing; send the JWT.");

        // 1. Whose it is, and whether this client has any business with it: only then are keys asked for.
        if (Jws.Read(text, MaximumLength).Refused(out var refusal, out var jws)) return Refuse(refusal);
        if (configuration.TrustedIssuers.FirstOrDefault(candidate => jws.Claims.Is(ClaimNames.Issuer, candidate.Issuer)) is not { } trusted)
            return OAuthError.InvalidGrant("The assertion's issuer is not trusted here; declare it in trusted_issuers.");
        if (!trusted.Rules.Any(rule => rule.ClientId == client.Id))
            return OAuthError.InvalidGrant("No rule of the assertion's issuer names this client; add one to its rules.");

        // 2. The JWT itself.
        if ((await VerifyAsync(jws, trusted, client).ConfigureAwait(false)).Refused(out var error, out _)) return error;
        if (trusted.Rules.FirstOrDefault(rule => rule.ClientId == client.Id && Fits(rule, jws.Claims)) is not { } rule)
            return OAuthError.InvalidGrant("No rule of the assertion's issuer fits its claims; compare them with the claims of the rules.");
        if (client.Metadata.IsPublic && !rule.WithoutClientAuthentication)
            return OAuthError.UnauthorizedClient("The client does not prove who it is; give it a secret or a key, or set without_client_authentication on the rule.");

        // 3. For whom, and for what.
        User? user = null;
        if (rule.UserClaim is { } claim)
        {
            user = await FindUserAsync(jws.Claims.Text(claim), rule).ConfigureAwait(false);
            if (user is null or { DisabledAt: not null }) return OAuthError.InvalidGrant("The assertion names nobody who has an account here.");
        }

        if (Select(parameters, jws.Claims, trusted, rule, client, configuration).Refused(out error, out var selection)) return error;

        // 4. Used up, with the person's grant in the same transaction, so that it can be seen and revoked.
        var grant = user is null ? null : NewGrant(request, jws.Claims, user, selection);
        if (!await database.WriteAsync(sql => UseAsync(sql, jws.Claims, trusted, grant, request)).ConfigureAwait(false))
            return OAuthError.InvalidGrant("The assertion was used before; get a new one for each request, or set single_use to false for its issuer.");
        return new Issuance
        {
            User = user,
            Grant = grant,
            Scope = selection.Scope,
            Resources = selection.Resources,
            IsOneTime = trusted.SingleUse || trusted.IdJag,
            AuditDetail = $"\"issuer\":\"{JsonEncodedText.Encode(trusted.Issuer)}\",\"assertion_sub\":\"{JsonEncodedText.Encode(jws.Claims.Text(ClaimNames.Subject)!)}\"",
        };
    }

    private const int MaximumLength = 16 * 1024;

    private static OAuthError Refuse(Refusal refusal) => OAuthError.InvalidGrant(Plain($"The assertion is not good: {refusal.Reason} {refusal.Mend}"));

    // RFC 6749 section 5.2 allows less in a description than a refusal may hold.
    private static string Plain(string text) => string.Concat(text.Select(character => character is >= ' ' and <= '~' and not ('"' or '\\') ? character : '\''));

    private async ValueTask<Result<Jws>> VerifyAsync(Jws jws, TrustedIssuer trusted, Client client)
    {
        var lifetime = trusted.MaximumLifetime ?? DefaultLifetime;
        var rules = new JwtRules
        {
            Types = trusted.IdJag ? [JwtTypes.IdentityAssertionGrant] : ["JWT"],
            AllowMissingType = !trusted.IdJag,
            Audiences = trusted.Audiences.Count > 0 ? trusted.Audiences : [options.Issuer],
            Algorithms = client.Requirements.Among(SignatureAlgorithms.Supported),
            RequireIssuedAt = true,
            MaximumAge = TimeSpan.FromSeconds(lifetime),
            RequiredClaims = trusted.SingleUse || trusted.IdJag ? [ClaimNames.Subject, ClaimNames.JwtId] : [ClaimNames.Subject],
            MaximumLength = MaximumLength,
        };
        try
        {
            if ((await JwtVerifier.VerifyAsync(jws, providers.Of(trusted), rules, clock).ConfigureAwait(false)).Refused(out var refusal, out _)) return Refuse(refusal);
        }
        catch (ProviderException exception)
        {
            return OAuthError.TemporarilyUnavailable(Plain($"The keys of the assertion's issuer can't be had: {exception.Refusal.Reason}"));
        }

        // What others may bring to their servers as well is nobody's proof here.
        if (jws.Claims.Texts(ClaimNames.Audience) is not { Count: 1 }) return OAuthError.InvalidGrant("The assertion is for several audiences; get one for this server alone.");
        if (jws.Claims.Date(ClaimNames.Expiration) - jws.Claims.Date(ClaimNames.IssuedAt) > lifetime)
            return OAuthError.InvalidGrant($"The assertion lives longer than {lifetime} seconds; get a shorter one, or raise maximum_lifetime of its issuer.");
        if (jws.Claims.Text(ClaimNames.JwtId) is { Length: > LongestJwtId }) return OAuthError.InvalidGrant($"The jti of the assertion is longer than {LongestJwtId} characters.");
        // The client that an identity assertion was made for, and nobody who got hold of it.
        if (trusted.IdJag && !jws.Claims.Is(ClaimNames.ClientId, client.Id))
            return OAuthError.InvalidGrant("The client_id of the assertion is not this client; get an assertion for it.");
        if (jws.Claims.Has(ClaimNames.Confirmation)) return OAuthError.InvalidGrant("The assertion is bound to a key (cnf), which is not taken here; get one that is not.");
        return jws;
    }

    private static bool Fits(TrustedIssuerRule rule, JsonMembers claims)
    {
        foreach (var (name, pattern) in rule.Claims)
        {
            if (claims.Text(name) is not { } value || !Fits(value, pattern)) return false;
        }

        return true;
    }

    /// <summary>Whether a value fits: <c>*</c> stands for any text, empty too, without slash and colon, since these part what platforms put together.</summary>
    internal static bool Fits(ReadOnlySpan<char> value, ReadOnlySpan<char> pattern)
    {
        // The last star and where its text began: a later character that does not fit lets that text grow by one.
        int at = 0, next = 0, star = -1, grown = 0;
        while (at < value.Length)
        {
            if (next < pattern.Length && pattern[next] == '*')
            {
                (star, grown) = (next++, at);
            }
            else if (next < pattern.Length && pattern[next] == value[at])
            {
                at++;
                next++;
            }
            else if (star >= 0 && value[grown] is not ('/' or ':'))
            {
                at = ++grown;
                next = star + 1;
            }
            else
            {
                return false;
            }
        }

        while (next < pattern.Length && pattern[next] == '*') next++;
        return next == pattern.Length;
    }

    private async ValueTask<User?> FindUserAsync(string? name, TrustedIssuerRule rule)
    {
        // Nobody's name has a NUL in it, and not every database can be asked for one.
        if (string.IsNullOrEmpty(name) || name.Contains('\0', StringComparison.Ordinal)) return null;
        if (rule.UserMatch == "sub") return await database.ReadAsync(sql => Users.FindAsync(sql, name)).ConfigureAwait(false);
        return users.Normalise(name) is { } loginName ? await database.ReadAsync(sql => Users.FindByLoginNameAsync(sql, loginName)).ConfigureAwait(false) : null;
    }

    private static Result<ResourceSelection> Select(
        Parameters parameters, JsonMembers claims, TrustedIssuer trusted, TrustedIssuerRule rule, Client client, ServerConfiguration configuration)
    {
        var allowed = ScopeSet.Of(rule.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(scope => client.Scope.Contains(scope) && (configuration.ResourceOf(scope) is not null || (rule.UserClaim is not null && Scopes.Identity.Contains(scope))));
        IReadOnlyList<string> bound = [];
        if (trusted.IdJag)
        {
            // What the assertion is for bounds what it is worth (draft-ietf-oauth-identity-assertion-authz-grant section 3).
            if (claims.Text(ClaimNames.Scope) is { } stated) allowed = allowed.Where(stated.Split(' ').Contains);
            if (claims.Has(ParameterNames.Resource)) bound = claims.Texts(ParameterNames.Resource) ?? [];
            if (claims.Has(ParameterNames.Resource) && bound.Count == 0) return OAuthError.InvalidGrant("The resource of the assertion is neither a string nor a list of them.");
        }

        var scope = allowed;
        if (parameters[ParameterNames.Scope] is { } asked)
        {
            if (ScopeSet.Parse(asked).Refused(out var error, out scope)) return error;
            if (!scope.IsSubsetOf(allowed)) return OAuthError.InvalidScope("The scope is more than the assertion, the issuer's rule and the client allow.");
        }

        var requested = parameters.All(ParameterNames.Resource);
        if (bound.Count > 0 && requested.Any(name => !bound.Any(one => ResourceIndicator.Same(one, name))))
            return OAuthError.InvalidTarget("A resource of the request is not one that the assertion is for.");
        if (requested.Count + bound.Count == 0 && client.Requirements.Resource) return ResourceSelection.Missing;
        if (ResourceSelection.Select(configuration, scope, requested.Count > 0 ? requested : bound).Refused(out var misfit, out var selection)) return misfit;
        if (selection.Scope.Count == 0) return OAuthError.InvalidScope("No scope is left that the assertion, the issuer's rule and the client all allow.");
        return selection.Resources.All(resource => resource.Scopes.Any(candidate => selection.Scope.Contains(candidate.Scope)))
            ? selection
            : OAuthError.InvalidTarget("The token would have no scope of a resource that it is to be for; leave the resource out, or ask for one of its scopes.");
    }

    private Grant NewGrant(TokenRequest request, JsonMembers claims, User user, ResourceSelection selection) => new()
    {
        Id = RowId.New(user.Subject, request.Now),
        ClientId = request.Client.Id,
        Subject = user.Subject,
        Terms = new GrantTerms(selection.Scope.ToString(), [.. selection.Resources.Select(resource => resource.Resource)], null, []),
        RotatedAt = request.Now,
        StatusIndex = statusIndexes.Take(),
        IdleSeconds = (int)options.RefreshTokenIdleLifetime.TotalSeconds,
        AuthTime = Math.Min(claims.Date(ClaimNames.AuthenticationTime) ?? long.MaxValue, claims.Date(ClaimNames.IssuedAt)!.Value),
        CreatedAt = request.Now,
        ExpiresAt = request.Now + (issuer.AccessTokenLifetime(selection.Resources, request.Client) * 1000L),
    };

    private static async ValueTask<bool> UseAsync(SqlSession sql, JsonMembers claims, TrustedIssuer trusted, Grant? grant, TokenRequest request)
    {
        if (trusted.SingleUse || trusted.IdJag)
        {
            var id = SHA256.HashData(Encoding.UTF8.GetBytes($"jwt_bearer\0{trusted.Issuer}\0{claims.Text(ClaimNames.JwtId)}"));
            // A minute more than it is good for, whatever the clocks say.
            if (!await ReplayGuard.UseAsync(sql, id, (claims.Date(ClaimNames.Expiration)!.Value + 60) * 1000).ConfigureAwait(false)) return false;
        }

        if (grant is null) return true;
        if (!await Grants.InsertAsync(sql, grant).ConfigureAwait(false)) return false;
        await AuditLog.AppendAsync(sql, request.Audit with
        {
            Event = AuditEvents.GrantCreated,
            Subject = grant.Subject,
            Detail = $$"""{"grant":"{{grant.Id}}","scope":"{{grant.Terms.Scope}}"}""",
        }).ConfigureAwait(false);
        return true;
    }
}
