using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Native;

/// <summary>Finds the request that is meant for this sign-in among those that reach the listener.</summary>
internal static class CallbackState
{
    /// <summary>The state in a signed answer (JARM), its signature not yet verified; null if there is none to be read.</summary>
    public static string? OfSigned(string? response)
    {
        if (response?.Split('.') is not [_, var payload, _]) return null;
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromUtf8(Encoding.UTF8.GetBytes(payload)));
            return claims.RootElement.ValueKind == JsonValueKind.Object && claims.RootElement.TryGetProperty(ParameterNames.State, out var state)
                && state.ValueKind == JsonValueKind.String ? state.GetString() : null;
        }
        // The last is half a surrogate pair, which JSON can write and no string can hold.
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }
}
