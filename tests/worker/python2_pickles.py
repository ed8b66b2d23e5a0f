# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles as SMPL's first files are: written by Python 2.7.18 with numpy 1.16, scipy 1.2 and chumpy
0.70, in protocols 0 and 2, of a body of 4 vertices and 2 joints that was made up for this.

v_template is chumpy's Ch, shapedirs a Select of one, weights a Reshape, J_regressor a csc_matrix,
J a formula, and pose_training_info a dictionary of this and that.
"""

from __future__ import annotations

import base64
import zlib

import numpy as np

ARRAYS = {
    "v_template": np.arange(12.0).reshape(4, 3),
    "shapedirs": np.arange(24.0).reshape(4, 3, 2)[..., :1],
    "weights": np.arange(12.0).reshape(2, 6),
    "kintree_table": np.array([[4294967295, 0], [0, 1]], dtype=np.uint32),
    "f": np.array([[0, 1, 2]], dtype=np.uint32),
}
J_REGRESSOR = np.array([[0, 0.25, 0.75, 0], [1, 0, 0, 0]])

PACKED = {
    0: (
        "c-rk+TaTo;6@K@xh@vP}ijo$`7~4pZcA|ZnNZSwF(mq8hQQ)S@R8a`%neKm|V;d-{uub>YtY$BHpr_#2=3KvXVYW"
        "pB<YCjCI<+AUC3${oUU#i33I54Xb=SAgd4Fn26O(P8KRq9t*Sq|QeE&omM)KWm|6CpVs^0C$Y5!l9_oPY4eg9*_$"
        "+l<&9=$tepVY2vvevvpl8;eDI(%MKZU4IajL-3LdU;l-@F0lDc6(?*Gx)M08J-H%Y_0kh_drbU%|WVBb<yokwf?D"
        "31E${&iCJvkU#Qx=9{BivJTb4WIHy+K9iQ>lS=(l>7n0)+fr6Wbq%Q1&1|->jj7a~m*>8wuE5&=ji;{j=TlBAuLX"
        "Dyf51U81!PgR8f{UqM7^6)8+>rbG`;Y$sVlF&yuX%ge{O2W#Zn==BeYZy$zo@Ew>a|8FCFRV5tva=ZYOA^=KdSC2"
        "Gpxp>w6>#0eKbK<vW?kSvWaF4OC6S_gK5i@l!NJLdNy6GNycQQHBSsn^Tc#!o>Hs6yw-Ib54vUqwb+*w$gNs?jJ^"
        "vk_z)n<01-kvfrW^{V{<R@PhQHOy_COrDS!PiIZ~~@7%$N#V#d!ua?&^PEW#!~i21?~Vqsk=D{;4R26^oa>CzckW"
        "Dn8|Jo?;$!Qc)sxPu9}XEqBsMt?@Y!PPxo1lYso-x?@e)paKgM=Z7>*5wsOm{rFe-VwY|u)eKcaM2V<EYWf^j<2u"
        "kqRN#HQzm?3%0bMtjMasV=^JE(cZ0~orpS6UT$4l|#uAt_wjPVYSSvzACBGYZI%Y2oVpp&ELQhO=J{cV}iLHY&bk"
        "Kxp66&`x86!!2Qt&~F1f@V-{yew9D-PXH;iS{;u5YudMg-nf_2Wr1C$vK(5?@?mK2wI_l>Bte4v5a&2-)R$gU>nm"
        "l9yhQVY=q%^x7UlT$CS-^gPyQ*V)ndAjg0_G<-n+Y-@C+y{zG!WF4;jgt~7PN|5a>H$JcBa>|Q3HI|G{ntgn{yjC"
        "3&TmiW8Wi?c8-Dx!=cj*{%A~Hn@ob#Gv=l7>N&w5qkMH)e;y|LMg;XA>aewvIph7PDctM;{j!b4Cef_ro##1t?_C"
        "qppLD+D3GLWQsv>~w`5uh7{FJ$VDTWG|KWIH3bhyI|3)_Nbr8Nc*7FmO4iIo{|iIg8mtspH%<EWU|aZG8yuZ%`B2"
        "HGm8{snPHEVK4<t>e^6Q1-xs)Oa--C^Q3}fvD5ck_PcM(Ja$U-n9Hq&~5ytO96}zI{eQ7nqr8=F$SQ1@U;Xh>kPb"
        "&WbqaW9ai9c!HqHC{X|DuatJh^19Tn!O8IEIK`u?$h{sHGz|GW}WQ=0W09<byhx<^Uo-vI&u}M@v_o2~ldO5G~aV"
        ";N%(>T!V{iVDlO?woAG`>z_^Q02=tP-Z8(qtv(j-7w0af-Q`*Sqzdy~4pN-O04oO77VyC&P?&1kub6&Jkd@xd4V2"
        "E_dTZ*wi8ydN<nq#Fa8#kmVM1D_@)bPM0$~k;f0;fa@k*VH1!KIT>^0@XJB>qcsT~~mEObBA8kZ4*&D&LkU?aDTk"
        "aH(DVNcVlN7c3nOk<e^G_|gSeYgpQs(3L0gngYy_3_-{gd}e+OxJRa2-54-OjPQqFNbiS-AoEFJy1~{t$-$TUu`<"
        "8%A_X1M#n(GIc-2}Dt?H$1JPpPLbOGj1g<^_#zv`J<cji~6+m}Ncmmd7WgsD77vo@rv1>+{Yq-M3)^E%N<s9#s#d"
        "|j5y@q%f2kCf-15T63PIe#!rwRQQaGJ!wGdN95a3@I+PN&Z4-EjJwf>$S;V#jtB71+HkqasPK!n2%VC%0oUFJ^M^"
        "U?#n#{?@(U3Vr`IP_uM`C2HvO-0sF=AGBj0@Sk`AncS+?G^5uz!MO{m_`)XKWfPvh1u|{J2m*qTDO^=Qi0iT+grn"
        "{Uk%S;qaJy54AydczWC~k>%3uX5zexoue{U72G!>`}SD^CE73goO;(QZi%0&e#T@|R50mwvr2tuar&z+DN-8k~#L"
        "3;m-0cKXBNLi^1$n0XD)U_O9q_as)VQf;f7c<y{lxn?S*kduA0M~Q^#_`0=9upT28|;A(r_-nB#w@jvg($imXI%G"
        "av~&qfsR1S$g@B1hBQWumScz9+gRR6u@($pl5uI`Mo=)ahO?QDHw_kdw9sv0<jYe!xi1^9_bhc8~a0ld=aQKY%#j"
        "!bLz4<n&lk1Q?O#@q0=Cd=^x%MjQQahKT?zt4Tb1CYYOHt=siZ13-)HRo)mvbq%njx8g{Iv7q|9}7d#lC;~C|fV("
        "Z(hpZy_7pI#jil{QmB^_dntZfBwh;lQpAU4wsXV^_t&fxYzS(KKQ&DM>jLPv1RclxNd^joI@D*a<sBN$MgFE0^B;"
        "xiN{Xoci`D?-YHL8L{(?#=4W>~#&X8zwV{340>CfI75^Eu{7BXUGJP``1P=M7dV~y+kJaq4BX(+v(jZ*5EjZ(^eE"
        "sf6P);UD5v7uDXqyIgf4ZU%|&Tkqf)hoO66}k%3VMTgaksem02mZd!4(-+Ly8iWG?XJJW9`>f%)E`Rj{s*S%m9h"
    ),
    2: (
        "c-pm?`I{VN5yz)zW@mSMH)Kg-STLH%<s`(-=HO7!1S1M*GT`FNp{`9&_q+QJndzD8?%C|BEeWs_TE&C=zC1Vt<pv"
        "crD&WC=DR}U+Kl&eNy*<^l)9=p8lSiEA>8VbpyWXmAeX8E>-IonPE3$l}?sLf6wrJKGb7Qv9cM2VH>-R%GguWshH"
        "fz=%Zu$+&!|MtW8#0}W7tEP6_#e=3n`XILsRk9-G<BZ`It)z0Ak${8`3cZj-mC;343*f3>F@@39p9|G^3;dn5SF2"
        "{*t^4BbbeTb_t|bcj=IOkYE5)(d7d?=n;y68t{-?!8`oIgzDjqU_OCEvWagPxJ}?1?7Y)tG&eH`>FxTKZtYF!xQ;"
        "dwE;RP#;MviHxl}e>u|He=JWn_YK#6~j8Cnz_|tbZ@BOpCyWRf$F(uX_&nD(<vC!F^%L6+VE1tq$RcBGW7()f)}r"
        "NL9U~BGE5UpAV8gYs64Vpbj5O>+oTzgIF#Wl3FX1${V?sSQ)X4(?R}gJDu!kn*p*TWLJ?LCA)^~I<iNTJ(le8JL0"
        "qlT)sEX4b~Z1qtJqnD9Id6$s7}>ypCf&$5KAWrSmyHLVwy+Dx;6ej5L`M)~30QYExXYHp4PB4UcSG7dEsDiJ11d@"
        "7Fz8Z~Jxy3)7Bl4F9F$fguE5Wmbm`SdJ4y*jQx!71ycQ+=q{)f*F&+<mP24l_Zo+ONXMR5Mg=83M?2;dE87Mv0S6"
        "+GQCRnpWE@)ftoejK#&61Vr*drvn}{m6g=Nz1q`-<-Loy_`9$ftZ(eMQ*s5+#a&*MSTOpg;3_PpiBBf@<ovOo0A)"
        "H)fg=uU;?!hS+=JDd1Rpsz;*5}*u<P%Hup8VDFbU0P4WCICgtqC}d^|@9J)%@fnd`eP)5gJ+xw(}-iwg<EFI0j*r"
        "(e;j04yVUGYGhlYh+QX@P2|+tl4`qp^ctq)`Z6&cK8+RK8Nz4eqCKwMS$AzK;4U6IoPpPVHiXX=V_cEaGm%mRl+S"
        "Q)E)aM<oRx}hS6n+8o#Y`I8^)46jCTj0p>kxX9P*PV+t<a6HCyrFY$L-8PQbmI54$I!RAkxOIGlsuo8esi-U6TJO"
        "4m(9vcb+vH`o`V_!ibfiqnHCxBQ^w=x{y?aX|<ds#EErC{gB%)W2U!yZ>^;mLURF?wF2e?)3tgyi!i;g)L*Z6`ar"
        "Q-H411U%_R}5H2pVTrHRdOPrvrSMIE5(|S&NJsz>#47XvbM?UBADwjLJG_E2-sC4G-B_ZrlGplx1s?kbrdZl_iY1"
        "guT(+{km=|h9%aP9$M52ams5z}S%wq*<MfG^}w2|{QVMS7OZ#G^Xy&k?mhgR)4EiM@0&j)`^YF|pX<%{U~)RwFM?"
        "6$Tp^CYrDjXImmYB<7^wWpNPOy6M!q0?I0bBS)m>X^14!eU+s9T3WiVM*=BW-thPo_dG<SJ-b3o2fo4b6=&9mOH)"
        "DZqht+CR#RG|pRC?#5z!D>1^JEZU^)75a$}q9H?s5#t}Z*|G9kIXJcKLM>d$wo-=Y)_q*J&uP5}Xs$VMT2vnUqR`"
        "mK(aZ<Cj+(q6t3i76p*{B8)}i*dX}aq;~~w0XHYglkk@u00f9u6uuYxnAYvh90~e3Nzij+(<Irl$PmcDYl65xJ9J"
        "FxU~z6tTHQUzsU?O1%~Jlfel)3dS-i^-Zlxh7h^Q;2;oi@jk`KUy_=%_K|0zWcBAp55PsYXje9y??j<kxrM=vrpz"
        ")Is9_We2g9#cx4dG`h8V?-`8V|oeXgs2#@u-5vp^Om~jmJo)$I~)Bv4F;t3K~y!p^;Ix)dJbU_eMipATH<fG~Qr;"
        "F78+~-+vLwJsF>6epyPQeVU?uCLQgs;%KF>LEI0j_4=M>1AZOC!T6b>)QZdbn-G4hmh*QqmqM)MXp)CUDrE`zMP+"
        "@KZbAXZHRU<uy=<q<1$=&2%KDu2+aCwBMrA8c!4#-`zU-|TY^++NijP$AJYqZ;k9&L*^x^k0;(rL?kDbl<Pa(XZ_"
        "S}n|Zh47>eK{@cD~n!xUZvL_BYQw{eenPN;?uT8vKz>5Bs)fSoa|<@TgYxDyN&FLWKSY{@{WX1MVZ%<A@F(#Z>ZF"
        "~DK!|53pM`V3e``;a*%e>p<Xn-Ma~x9B9|T#|EulLH{2dFqYFdk&nk_7k#QXvC+TE*3>bB=^mQekB%cV7h>!@8h#"
        "`+*I=Y9_+eG6#X&V2U3?;-*I{<%E2Gie3Nu%q1JgYp^6qG$IdALc&?O|k-zdNiTyNc{;Ww5b<vX2j{bND{>50<Nz"
        "eR#Jy_8-g6srC"
    ),
}


def python2_pickle(protocol: int) -> bytes:
    """The file of protocol 0 or 2."""
    return zlib.decompress(base64.b85decode(PACKED[protocol]))
