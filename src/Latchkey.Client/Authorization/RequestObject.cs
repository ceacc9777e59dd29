using System.Text.Json;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Authorization;

/// <summary>A signed authorization request, RFC 9101.</summary>
internal static class RequestObject
{
    private const string Type = "oauth-authz-req+jwt";

    // The person's browser takes it straight to the provider; minutes are for slow ones.
    private const int Lifetime = 300;

    /// <summary>Signs the parameters as claims.</summary>
    public static string Create(JwsSigner key, ClientIdentity client, List<KeyValuePair<string, string>> request) =>
        JwtWriter.Write(key, Type, (client, request), static (json, source) =>
        {
            var now = source.client.Now.ToUnixTimeSeconds();
            json.WriteString(ClaimNames.Issuer, source.client.ClientId);
            json.WriteString(ClaimNames.Audience, source.client.Issuer);
            json.WriteNumber(ClaimNames.IssuedAt, now);
            json.WriteNumber(ClaimNames.NotBefore, now);
            json.WriteNumber(ClaimNames.Expiration, now + Lifetime);
            json.WriteString(ClaimNames.JwtId, RandomText.Create());
            foreach (var parameter in source.request.GroupBy(pair => pair.Key)) Write(json, parameter.Key, [.. parameter.Select(pair => pair.Value)]);
        });

    private static void Write(Utf8JsonWriter json, string name, string[] values)
    {
        json.WritePropertyName(name);
        switch (name)
        {
            // JSON by nature (OpenID Connect Core section 6.1).
            case ParameterNames.MaxAge or ParameterNames.Claims:
                json.WriteRawValue(values[0]);
                break;
            case ParameterNames.Resource when values.Length > 1:
                json.WriteStartArray();
                foreach (var value in values) json.WriteStringValue(value);
                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(values[0]);
                break;
        }
    }
}
