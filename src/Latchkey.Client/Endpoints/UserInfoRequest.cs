using System.Net.Http.Headers;
using System.Text.Json;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Endpoints;

/// <summary>Asks the userinfo endpoint, an API of the provider's own (OpenID Connect Core section 5.3).</summary>
internal static class UserInfoRequest
{
    public static async Task<UserInfo> SendAsync(EndpointCaller caller, AccessToken token, string? subject, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(token);
        var address = new Uri(await caller.AddressAsync(metadata => metadata.UserinfoEndpoint, "userinfo_endpoint", cancellationToken).ConfigureAwait(false));
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            ResourceRequest.Attach(caller, request, token);
            var answer = await ProviderHttp.SendAsync(caller.Http, request, caller.Limits, caller.Clock, cancellationToken).ConfigureAwait(false);
            var learnt = caller.Nonces.Learn(address, answer.Headers);
            if (answer.IsSuccess) return Read(answer.Json, subject);
            var challenge = Challenge.Read(answer.Headers.WwwAuthenticate);
            if (token.IsDPoP && learnt && attempt == 1 && challenge.Error == "use_dpop_nonce") continue;
            if (challenge.Error is null) throw ErrorText.NoCode(answer);
            throw new OAuthException(challenge.Error, ErrorText.Clean(challenge.Description, [token.Value])) { Status = answer.Status };
        }
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
