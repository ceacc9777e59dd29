using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Latchkey.Client.Authorization;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Endpoints;

/// <summary>Asks the userinfo endpoint, an API of the provider's own (OpenID Connect Core section 5.3).</summary>
internal static class UserInfoRequest
{
    private const string Jwt = "application/jwt";

    public static async Task<UserInfo> SendAsync(EndpointCaller caller, AccessToken token, string? subject, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(token);
        var address = new Uri(await caller.AddressAsync(metadata => metadata.UserinfoEndpoint, "userinfo_endpoint", cancellationToken).ConfigureAwait(false));
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(Jwt));
            ResourceRequest.Attach(caller, request, token);
            var answer = await ProviderHttp.SendAsync(caller.Http, request, caller.Limits, caller.Clock, cancellationToken).ConfigureAwait(false);
            var learnt = caller.Nonces.Learn(address, answer.Headers);
            if (answer.IsSuccess) return Read(answer.MediaType == Jwt ? await OpenAsync(caller, answer, cancellationToken).ConfigureAwait(false) : answer.Json, subject);
            var challenge = Challenge.Read(answer.Headers.WwwAuthenticate);
            if (token.IsDPoP && learnt && attempt == 1 && challenge.Error == "use_dpop_nonce") continue;
            if (challenge.Error is null) throw ErrorText.NoCode(answer);
            throw new OAuthException(challenge.Error, ErrorText.Clean(challenge.Description, [token.Value])) { Status = answer.Status };
        }
    }

    /// <summary>What a client that is registered for it gets: signed, encrypted, or one in the other (section 5.3.2).</summary>
    private static async ValueTask<JsonElement> OpenAsync(EndpointCaller caller, ProviderAnswer answer, CancellationToken cancellationToken)
    {
        var sent = Encoding.UTF8.GetString(answer.Body.Span);
        var token = Encrypted.Open(sent, caller.Options);
        // Encrypted alone, there is JSON inside: as good as the plain answer, which is believed for coming from the provider's own endpoint.
        if (!ReferenceEquals(token, sent) && token.StartsWith('{'))
            return JsonMembers.TryRead(Encoding.UTF8.GetBytes(token), out var members) ? members.ToElement() : throw new OAuthException(ClientRefusals.UserInfoSubjectMissing());
        var verdict = await JwtVerifier.VerifyAsync(token, caller.Provider, JwtKinds.UserInfo(caller.Options), caller.Clock, cancellationToken).ConfigureAwait(false);
        return verdict.Refused(out var refusal, out var jws) ? throw new OAuthException(refusal) : jws.Claims.ToElement();
    }

    private static UserInfo Read(JsonElement json, string? subject)
    {
        if (!json.TryGetProperty(ClaimNames.Subject, out var value) || value.ValueKind != JsonValueKind.String)
            throw new OAuthException(ClientRefusals.UserInfoSubjectMissing());
        // A token that was swapped for another's would otherwise sign that other person in (section 5.3.2).
        var said = value.GetString()!;
        return subject is null || string.Equals(said, subject, StringComparison.Ordinal)
            ? new UserInfo(said, json)
            : throw new OAuthException(ClientRefusals.UserInfoSubjectMismatch());
    }
}
