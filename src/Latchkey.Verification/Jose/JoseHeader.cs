using System.Text.Json;

namespace Latchkey.Verification.Jose;

/// <summary>The header of a JWS, RFC 7515 section 4.</summary>
public sealed class JoseHeader
{
    private JoseHeader(JsonMembers members, string algorithm, string? type, string? keyId)
    {
        Members = members;
        Algorithm = algorithm;
        Type = type;
        KeyId = keyId;
    }

    /// <summary><c>alg</c>, as written: algorithms are told apart by case too.</summary>
    public string Algorithm { get; }

    /// <summary><c>typ</c> in lower case and without a leading <c>application/</c> (RFC 7515 section 4.1.9); null if it is absent.</summary>
    public string? Type { get; }

    /// <summary><c>kid</c>; null if it is absent.</summary>
    public string? KeyId { get; }

    /// <summary>Everything in the header, whether it is understood or not.</summary>
    public JsonMembers Members { get; }

    internal static Verdict<JoseHeader> Read(ReadOnlySpan<char> encoded)
    {
        if (Jws.Decode(encoded) is not { } json || !JsonMembers.TryRead(json, out var members)) return JwtRefusals.MalformedHeader;
        foreach (var name in (ReadOnlySpan<string>)["crit", "b64", "zip"])
        {
            if (members.Has(name)) return JwtRefusals.NotUnderstood(name);
        }

        if (members.Text("alg") is not { Length: > 0 } algorithm) return JwtRefusals.MalformedHeader;
        if (!IsTextOrAbsent(members, "typ") || !IsTextOrAbsent(members, "kid")) return JwtRefusals.MalformedHeader;
        return new JoseHeader(members, algorithm, Shorten(members.Text("typ")), members.Text("kid"));
    }

    private static bool IsTextOrAbsent(JsonMembers members, string name) => members.Kind(name) is JsonValueKind.Undefined or JsonValueKind.String;

    private static string? Shorten(string? type)
    {
        if (type is null) return null;
        const string Prefix = "application/";
        return (type.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? type[Prefix.Length..] : type).ToLowerInvariant();
    }
}
